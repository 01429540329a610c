import Basics
import CSystem

/// How a step reads for a person: what it does and on what, then in brackets what only `plan` shows.
extension Step: CustomStringConvertible {
  var description: String {
    let details = details.filter { !$0.isEmpty }
    return details.isEmpty ? action : "\(action) (\(details.joined(separator: ",")))"
  }

  /// The part that an error message begins with.
  var action: String {
    switch operation {
    case EXECUTOR_MAKE_DIRECTORY: return "make directory \(text(0))"
    case EXECUTOR_WRITE_FILE: return "write \(quoted(text(1))) to \(text(0))"
    case EXECUTOR_OPEN: return "open \(text(0))"
    case EXECUTOR_WRITE: return "write \(quoted(text(0))) to \(slot(0))"
    case EXECUTOR_OWN:
      return "give \(strings.isEmpty ? slot(0) : text(0)) to user \(number(1)), group \(number(2))"
    case EXECUTOR_OPEN_TREE: return "take \(text(0))"
    case EXECUTOR_CHANGE_MOUNT: return "set the options of \(slot(0))"
    case EXECUTOR_OVERLAY:
      let layers = numbers.dropFirst(2).map { Slot.name($0) } + (strings.isEmpty ? [] : [text(0)])
      return "make an overlay of \(layers.joined(separator: " and "))"
    case EXECUTOR_LIMIT_FILES:
      return wide(0) == 0 ? "count what lies in \(text(0))" : "limit what lies in \(text(0))"
    case EXECUTOR_JOIN_NAMESPACE: return "enter \(slot(0))"
    case EXECUTOR_UNSHARE: return "make namespaces"
    case EXECUTOR_WAIT:
      return number(0) == Step.mappedByte
        ? "wait for the id maps"
        : number(0) == Step.goByte
          ? "wait for the go" : number(0) == Step.recordedByte ? "wait for the record" : "wait for the hooks"
    default: return mountAction ?? processAction
    }
  }

  private var mountAction: String? {
    switch operation {
    case EXECUTOR_MOUNT:
      if number(0) & (1 << 18) != 0 { return "keep mounts below \(text(1)) private" }
      if number(0) & (1 << 5) != 0 { return "remount \(text(1))" }
      return "mount \(text(2).isEmpty ? text(0) : text(2)) on \(text(1))"
    case EXECUTOR_UNMOUNT: return text(0) == "." ? "leave the old root" : "unmount \(text(0)) of the old root"
    case EXECUTOR_MOVE_MOUNT: return "mount \(slot(0)) on \(text(0))"
    case EXECUTOR_ENTER_DIRECTORY: return "go to \(slot(0))"
    case EXECUTOR_CHANGE_DIRECTORY: return "go to \(text(0))"
    case EXECUTOR_PIVOT_ROOT: return "make this the root"
    case EXECUTOR_CHANGE_ROOT: return "make this the root by chroot"
    case EXECUTOR_MAKE_NODE: return "make device \(text(0))"
    case EXECUTOR_BIND_NODE: return "bind device \(text(0)) on \(text(1))"
    case EXECUTOR_LINK: return "link \(text(1)) to \(text(0))"
    case EXECUTOR_MASK: return "mask \(text(0))"
    case EXECUTOR_READ_ONLY: return "make \(text(0)) read-only"
    default: return nil
    }
  }

  private var processAction: String {
    switch operation {
    case EXECUTOR_DIE_WITH_PARENT: return "die with the agent"
    case EXECUTOR_HIDE: return "hide from the container"
    case EXECUTOR_HAND_OVER: return "hand over the mounts"
    case EXECUTOR_TAKE_OVER: return "take over the mounts"
    case EXECUTOR_LOOPBACK: return "bring lo up"
    case EXECUTOR_HOSTNAME: return "set the host name to \(text(0))"
    case EXECUTOR_LIMIT: return "limit resource \(number(0))"
    case EXECUTOR_NEW_SESSION: return "begin a session"
    case EXECUTOR_RESET_SIGNALS: return "reset signals"
    case EXECUTOR_STANDARD_STREAMS: return "set standard input, output and error"
    case EXECUTOR_CLOSE_OTHERS: return "close other descriptors"
    case EXECUTOR_UMASK: return "set umask \(octal(number(0)))"
    case EXECUTOR_LIMIT_CAPABILITIES: return "limit capabilities"
    case EXECUTOR_GROUPS:
      return numbers.isEmpty ? "drop other groups" : "join groups \(numbers.map { "\($0)" }.joined(separator: ","))"
    case EXECUTOR_GROUP: return "become group \(number(0))"
    case EXECUTOR_USER: return "become user \(number(0))"
    case EXECUTOR_SET_CAPABILITIES: return "set capabilities"
    case EXECUTOR_NO_NEW_PRIVILEGES: return "refuse new privileges"
    case EXECUTOR_SECCOMP: return "filter system calls"
    case EXECUTOR_EXECUTE: return "run \(program)"
    case EXECUTOR_SET_MOUNT: return "set the options of \(strings.isEmpty ? slot(0) : text(0))"
    case EXECUTOR_MOUNT_COPY: return "mount \(text(2)) with what is there on \(text(1))"
    case EXECUTOR_MAKE_DEVICE: return "make device \(text(0))"
    case EXECUTOR_LINK_IF_MISSING: return "link \(text(1)) to \(text(0))"
    case EXECUTOR_DOMAIN_NAME: return "set the domain name to \(text(0))"
    case EXECUTOR_PERSONALITY: return "set the personality"
    case EXECUTOR_SCHEDULER: return "set the scheduler"
    case EXECUTOR_IO_PRIORITY: return "set the priority of input and output"
    case EXECUTOR_SECCOMP_FLAGS: return "filter system calls"
    case EXECUTOR_RUN_HOOK: return "run the hook \(text(0))"
    case EXECUTOR_NEW_KEYRING: return "make a session keyring"
    case EXECUTOR_TERMINAL: return "make the terminal"
    case EXECUTOR_FIND_PROGRAM: return "find the program \(text(0))"
    case EXECUTOR_ANNOUNCE: return "tell the runtime"
    case EXECUTOR_STAND_ALONE: return "wait for a start by another process"
    default: return "operation \(operation.rawValue)"
    }
  }

  private var details: [String] {
    switch operation {
    case EXECUTOR_MAKE_DIRECTORY: return [octal(number(0))]
    case EXECUTOR_OPEN: return [slot(0)]
    case EXECUTOR_OPEN_TREE: return [slot(0), number(1) == 0 ? "" : "recursive"]
    case EXECUTOR_CHANGE_MOUNT:
      return options(number(1)) + [
        number(2) == 0 ? "" : "private", number(3) == 0 ? "" : "recursive",
        number(4) == EXECUTOR_NO_SLOT ? "" : "ids mapped",
      ]
    case EXECUTOR_HAND_OVER: return numbers.map { Slot.name($0) }
    case EXECUTOR_TAKE_OVER: return numbers.dropFirst().map { Slot.name($0) }
    case EXECUTOR_CLOSE_OTHERS:
      return numbers.isEmpty ? [] : ["but \(numbers.map { Slot.name($0) }.joined(separator: ","))"]
    case EXECUTOR_OVERLAY: return [strings.isEmpty ? "ro" : "work \(text(1))", number(1) == 0 ? "" : "never synced"]
    case EXECUTOR_LIMIT_FILES: return wide(0) == 0 ? [] : ["\(wide(0)) bytes", "\(wide(2)) files"]
    case EXECUTOR_JOIN_NAMESPACE:
      return [number(0) == Slot.container ? Namespaces(rawValue: number(1)).description : ""]
    case EXECUTOR_UNSHARE: return [Namespaces(rawValue: number(0)).description]
    case EXECUTOR_MOUNT: return options(number(0)) + [text(3), number(1) == 0 ? "" : "made if missing"]
    case EXECUTOR_MOVE_MOUNT: return [number(1) == 0 ? "" : "made if missing"]
    case EXECUTOR_MAKE_NODE: return [octal(number(0) & 0o7777), "\(number(1)):\(number(2))"]
    case EXECUTOR_LIMIT: return ["\(wide(1)):\(wide(3))"]
    case EXECUTOR_LIMIT_CAPABILITIES: return [hexadecimal(wide(0))]
    case EXECUTOR_SET_CAPABILITIES:
      return ["effective \(hexadecimal(wide(0)))", "permitted \(hexadecimal(wide(2)))"]
        + (wide(4) == 0 ? [] : ["inheritable \(hexadecimal(wide(4)))"])
        + (wide(6) == 0 ? [] : ["ambient \(hexadecimal(wide(6)))"])
    case EXECUTOR_SECCOMP: return ["\(numbers.count / 2) instructions"]
    case EXECUTOR_EXECUTE:
      let lacking = ProcessorFeatures(rawValue: UInt16(truncatingIfNeeded: number(2)))
      return [arguments.joined(separator: " "), lacking.isEmpty ? "" : "unless it needs \(lacking)"]
    default: return []
    }
  }

  static let goByte = UInt32(UInt8(ascii: "g"))
  static let mappedByte = UInt32(UInt8(ascii: "m"))

  private var arguments: [String] { Array(strings.dropFirst(Int(number(0))).prefix(Int(number(1)))) }

  private var program: String { arguments.first ?? "" }

  private func number(_ index: Int) -> UInt32 { index < numbers.count ? numbers[index] : 0 }

  private func wide(_ index: Int) -> UInt64 { UInt64(number(index)) | UInt64(number(index + 1)) << 32 }

  private func text(_ index: Int) -> String { index < strings.count ? strings[index] : "" }

  private func slot(_ index: Int) -> String { Slot.name(number(index)) }

  private func quoted(_ text: String) -> String { "\"\(text)\"" }

  private func octal(_ value: UInt32) -> String { (value == 0 ? "" : "0") + String(value, radix: 8) }

  private func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

  private func options(_ flags: UInt32) -> [String] {
    let names: [(UInt32, String)] = [
      (1, "ro"), (2, "nosuid"), (4, "nodev"), (8, "noexec"), (1 << 10, "noatime"), (1 << 12, "bind"),
      (1 << 14, "recursive"), (1 << 24, "strictatime"),
    ]
    return names.filter { flags & $0.0 != 0 }.map { $0.1 }
  }
}
