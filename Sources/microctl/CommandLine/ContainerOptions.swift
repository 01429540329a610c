import Basics
import CSystem
import LinuxSystem
import MicroAgent

/// The options of `run` and `plan` that make a request.
let containerOptions = commonOptions + healthOptions

private let commonOptions = [
  Option(.name, "name", value: "NAME", "The container's name (the node chooses)"),
  Option(
    .lease, "lease", value: "ID", choicesCommand: "leases --names", "The lease of yours that it is to be in"),
  Option(.memory, "memory", short: "m", value: "BYTES", "Memory budget, as 4M (16M)"),
  Option(.processes, "processes", alias: "pids-limit", value: "COUNT", "How many processes and threads (64)"),
  Option(.cpus, "cpus", value: "CORES", "Processor budget, as 0.5 (1)"),
  Option(.disk, "disk", value: "BYTES", "How much it may write to its root (64M, in a lease its share)"),
  Option(
    .restart, "restart", value: "POLICY", choices: RestartPolicy.examples,
    "no, on-failure[:COUNT] or always (no)"),
  Option(
    .network, "network", alias: "net", value: "NETWORK", choices: ["none", "host", "bridge"],
    "none, host or bridge (none)"),
  Option(.upload, "upload", value: "BITS", "How much it sends a second on the bridge, as 2M (no limit)"),
  Option(.download, "download", value: "BITS", "How much it is sent a second on the bridge (no limit)"),
  Option(.environment, "env", short: "e", value: "NAME=VALUE", "An environment variable; NAME alone takes yours"),
  Option(.volume, "volume", short: "v", value: "SRC:DST[:ro]", "Show a file or directory of the node inside"),
  Option(.workdir, "workdir", short: "w", value: "DIR", "Where the program starts (/)"),
  Option(.user, "user", short: "u", value: "UID[:GID]", "Who the program is, in numbers (0:0)"),
  Option(.bundle, "bundle", short: "b", value: "DIR", "Instead of IMAGE: a directory with an OCI config.json"),
  Option(.entrypoint, "entrypoint", value: "PROGRAM", "Instead of what the image runs"),
  Option(.hostname, "hostname", short: "h", value: "NAME", "The host name inside (the container's name)"),
  Option(
    .publish, "publish", value: "PORT:PORT[/udp]",
    "A node's port that leads to it, or TYPE:PORT[:TEXT] for neighbours"),
  Option(.readOnly, "read-only", "Let nothing be written to the root file system"),
  Option(.userns, "userns", value: "host", choices: ["host"], "host: root inside is root on the node"),
  Option(.anyISA, "any-isa", "Run it even if the node's processor lacks what the program needs"),
  Option(.logSize, "log-size", value: "BYTES", "How much of its output is kept (64K)"),
  Option(.stopTimeout, "stop-timeout", value: "SECONDS", "How long it may take to end when stopped (10)"),
]

extension ContainerRequest {
  /// What a command line asks for, but for root or image. Only what the agent could not see for itself is judged here: form, not limits.
  init(_ arguments: Arguments, verb: String) throws(Failure) {
    self.init()
    let reader = OptionReader(arguments: arguments, verb: verb)
    // A bundle stands in the place of the first operand.
    command = Array(arguments.operands.dropFirst(arguments.has(.bundle) ? 0 : 1))
    name = arguments.value(.name) ?? ""
    hostname = arguments.value(.hostname) ?? ""
    workingDirectory = arguments.value(.workdir) ?? workingDirectory
    readOnlyRoot = arguments.has(.readOnly)
    removesWhenEnded = arguments.has(.remove)
    anyISA = arguments.has(.anyISA)
    environment = reader.environment()
    try readChangeable(reader)
    try reader.read(.logSize, "--log-size", "a size, as 64K", into: &budget.logBytes) { ByteCount.parse($0) }
    try reader.read(.stopTimeout, "--stop-timeout", "whole seconds, as 10", into: &graceMilliseconds) {
      Duration.milliseconds(ofSeconds: $0)
    }
    try reader.read(.network, "--network", "none, host or bridge", into: &network) { Network($0) }
    try reader.read(.upload, "--upload", "bits a second, as 2M", into: &rates.upload) { OptionReader.bits($0) }
    try reader.read(.download, "--download", "bits a second, as 2M", into: &rates.download) { OptionReader.bits($0) }
    if let text = arguments.value(.lease) {
      guard let id = Decimal.parse(text) else { throw reader.wrong("--lease \(text)", "the number of a lease") }
      lease = id
    }
    try reader.read(.userns, "--userns", "host, or leave it out", into: &userNamespace) { $0 == "host" ? false : nil }
    if let text = arguments.value(.user) { (user, group) = try reader.user(text) }
    for text in arguments.values(.volume) { mounts.append(try reader.mount(text)) }
    for text in arguments.values(.publish) {
      if let port = PublishedPort(text: text) {
        ports.append(port)
      } else {
        publications.append(try reader.publication(text))
      }
    }
    try readHealth(reader)
    // Ports lead nowhere else.
    if !ports.isEmpty, arguments.value(.network) == nil { network = .bridge }
  }

  /// What `update` takes as well.
  mutating func readChangeable(_ reader: OptionReader) throws(Failure) {
    try reader.read(.memory, "--memory", "a size, as 4M", into: &budget.memoryBytes) { ByteCount.parse($0) }
    try reader.read(.processes, "--processes", "a number, as 64", into: &budget.processes) { Decimal.parse($0) }
    try reader.read(.cpus, "--cpus", "cores, as 0.5", into: &budget.cpuMillis) { Duration.cpuMillis($0) }
    try reader.read(.disk, "--disk", "a size, as 64M", into: &budget.diskBytes) { ByteCount.parse($0) }
    try reader.read(.restart, "--restart", "no, on-failure, on-failure:COUNT or always", into: &restart) {
      RestartPolicy($0)
    }
  }
}

extension RestartPolicy {
  /// For completion.
  static let examples = ["no", "on-failure", "on-failure:3", "always"]
}

extension OptionReader {
  func user(_ text: String) throws(Failure) -> (UInt32, UInt32) {
    let numbers = ASCII.split(Array(text.utf8)[...], at: UInt8(ascii: ":")).map { part in
      Decimal.parse(part).flatMap { UInt32(exactly: $0) }
    }
    guard numbers.count <= 2, let user = numbers[0], let group = numbers.count == 2 ? numbers[1] : 0 else {
      throw wrong("--user \(text)", "numbers, as 1000 or 1000:1000")
    }
    return (user, group)
  }

  /// `2M` is two million bits, as networks count.
  fileprivate static func bits(_ text: String) -> UInt64? {
    let bytes = Array(text.utf8)
    let factor: UInt64 =
      switch bytes.last {
      case UInt8(ascii: "k"), UInt8(ascii: "K"): 1000
      case UInt8(ascii: "M"): 1_000_000
      case UInt8(ascii: "G"): 1_000_000_000
      default: 1
      }
    guard let number = Decimal.parse(bytes[...].dropLast(factor == 1 ? 0 : 1)) else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
  }

  fileprivate func mount(_ text: String) throws(Failure) -> ContainerRequest.Mount {
    let parts = ASCII.split(Array(text.utf8)[...], at: UInt8(ascii: ":")).map { ASCII.string($0) }
    guard parts.count == 2 || parts.count == 3 && (parts[2] == "ro" || parts[2] == "rw"), !parts[0].isEmpty else {
      throw wrong("--volume \(text)", "SOURCE:TARGET or SOURCE:TARGET:ro")
    }
    return ContainerRequest.Mount(
      source: try path(parts[0]), target: parts[1], readOnly: parts.count == 3 && parts[2] == "ro")
  }

  fileprivate func publication(_ text: String) throws(Failure) -> Publication {
    do throws(RequestError) { return try Publication(text: text) } catch {
      throw Failure(.usage, "\(verb): \(error.description)")
    }
  }

  /// `NAME=VALUE` as it is; `NAME` with this process's own value, and left out where it has none. Of one name the last
  /// counts. All as docker does.
  func environment() -> [String] {
    var variables: [String] = []
    for text in arguments.values(.environment) {
      let name = text.utf8.prefix { $0 != UInt8(ascii: "=") }
      variables.removeAll { $0.utf8.starts(with: name) && $0.utf8.dropFirst(name.count).first == UInt8(ascii: "=") }
      if name.count < text.utf8.count || text.isEmpty {
        variables.append(text)
      } else if let value = getenv(text) {
        variables.append("\(text)=\(String(cString: value))")
      }
    }
    return variables
  }

  func path(_ text: String) throws(Failure) -> String {
    do throws(SystemError) { return try Paths.absolute(text) } catch {
      throw Failure(.usage, "\(verb): \(error.description)")
    }
  }
}
