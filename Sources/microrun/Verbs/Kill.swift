import Basics
import CSystem
import Cgroups
import Images
import LinuxSystem
import OCIRuntime

let killVerb = Verb(
  name: "kill", operands: "ID [SIGNAL]", count: 1...2, help: "send a signal to a container's first process (TERM)",
  options: [Option(name: "all", letter: "a", help: "to all its processes")]
) { command throws(Failure) in
  let record = try command.states.record(command.id)
  let signal = try number(ofSignal: command.arguments.operands.count > 1 ? command.arguments.operands[1] : "TERM")
  if command.arguments.has("all") {
    let group = try command.group(record)
    for process in try tellingOfGroups({ () throws(CgroupError) in try group.processes() }) {
      _ = system_kill(process, signal)
    }
    return ExitCode.success
  }
  try command.signal(record, signal)
  return ExitCode.success
}

extension Command {
  func signal(_ record: ContainerRecord, _ signal: CInt) throws(Failure) {
    let opened = system_pidfd_open(record.process)
    // Looked at when it is held: until then the number might have become another's.
    guard opened >= 0, case let held = FileDescriptor(owning: opened), status(record) != .stopped else {
      throw Failure("container \(record.id): it is stopped: there is no process to signal")
    }
    try telling { () throws(SystemError) in
      _ = try check(system_pidfd_send_signal(held.rawValue, signal), "send a signal to", "container \(record.id)")
    }
  }
}

/// `TERM`, `SIGTERM` or `15`.
func number(ofSignal text: String) throws(Failure) -> CInt {
  if let number = Decimal.parse(text), (1...64).contains(number) { return CInt(number) }
  let capitals = ASCII.string(text.utf8.map { (0x61...0x7A).contains($0) ? $0 & ~0x20 : $0 })
  let name = capitals.utf8.starts(with: "SIG".utf8) ? String(capitals.dropFirst(3)) : capitals
  guard let index = signalNames.firstIndex(of: name) else { throw Failure("kill: there is no signal \(text)") }
  return CInt(index + 1)
}

/// By their numbers, from 1 on.
private let signalNames = [
  "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
  "STKFLT",
  "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
]
