import Basics
import Cgroups
import Images

/// `linux.resources`. Nil leaves what is; a limit of -1 takes it away.
public struct ResourceConfig: Sendable {
  public var devices: [DeviceRule]
  public var memoryBytes: Int64?
  /// Of memory and swap together.
  public var memoryAndSwapBytes: Int64?
  public var reservationBytes: Int64?
  public var swappiness: UInt64?
  public var pids: Int64?
  public var cpuShares: UInt64?
  public var cpuQuotaMicroseconds: Int64?
  public var cpuPeriodMicroseconds: UInt64?
  public var cpus: String
  public var memoryNodes: String
  /// Files of v2 as they are named there.
  public var unified: [(name: String, value: String)]

  static let done = ["devices", "memory", "cpu", "pids", "unified"]
  static let refused = ["blockIO", "hugepageLimits", "network", "rdma"]

  init(_ fields: Fields) {
    let empty = Fields(fields.reader, "linux.resources", .object([]), done: [])
    devices = DeviceReader.rules(fields)
    let memory =
      fields.object(
        "memory", done: ["limit", "reservation", "swap", "swappiness", "useHierarchy"],
        refused: ["kernel", "kernelTCP", "disableOOMKiller", "checkBeforeUpdate"]) ?? empty
    memoryBytes = memory.integer("limit")
    memoryAndSwapBytes = memory.integer("swap")
    reservationBytes = memory.integer("reservation")
    swappiness = memory.unsigned("swappiness")
    let cpu =
      fields.object(
        "cpu", done: ["shares", "quota", "period", "cpus", "mems"],
        refused: ["burst", "realtimeRuntime", "realtimePeriod", "idle"]) ?? empty
    cpuShares = cpu.unsigned("shares")
    cpuQuotaMicroseconds = cpu.integer("quota")
    cpuPeriodMicroseconds = cpu.unsigned("period")
    cpus = cpu.string("cpus") ?? ""
    memoryNodes = cpu.string("mems") ?? ""
    pids = (fields.object("pids", done: ["limit"]) ?? empty).integer("limit")
    unified = fields.pairs("unified")
    for (name, _) in unified where name.utf8.contains(UInt8(ascii: "/")) || name.utf8.first == UInt8(ascii: ".") {
      fields.refuse("unified.\(name)", "it must be the name of one file")
    }
  }

  /// The controllers that a container's group needs: those by which it is counted, paused and ended, and those of its limits.
  public func controllers(on layout: CgroupLayout) -> [CgroupController] {
    var result = CgroupController.forContainers
    if !devices.isEmpty { result.append(.devices) }
    if !cpus.isEmpty || !memoryNodes.isEmpty { result.append(.cpuset) }
    return result.filter { layout.has($0) }
  }

  /// The steps that put the limits on a group that exists.
  ///
  /// - Parameter raisesMemory: on v1 the limit of memory may never be above that of memory and swap together, so where it rises
  ///   the latter comes first.
  public func operations(on group: Cgroup, raisesMemory: Bool = false) throws(CgroupError) -> [CgroupOperation] {
    try check(group.layout)
    var writer = ResourceWriter(group: group)
    if group.layout.version == .v1 { legacy(&writer, raisesMemory) } else { unified(&writer) }
    return writer.operations
  }

  /// Reads a document that is only `linux.resources`, as `update` is given it.
  public static func read(_ bytes: [UInt8]) throws(ConfigError) -> ResourceConfig {
    let reader = ConfigReader()
    let document: JSONValue
    do throws(JSONError) {
      document = try JSONReader.read(bytes, limits: RuntimeConfig.limits)
    } catch {
      throw .notJSON(error)
    }
    let config = ResourceConfig(Fields(reader, "linux.resources", document, done: done, refused: refused))
    if !config.devices.isEmpty { reader.refuse("linux.resources.devices", "they cannot be changed") }
    if !reader.problems.isEmpty { throw .problems(reader.problems) }
    return config
  }

  private func check(_ layout: CgroupLayout) throws(CgroupError) {
    let isV1 = layout.version == .v1
    if memoryBytes != nil || reservationBytes != nil { try layout.require(.memory, for: "linux.resources.memory") }
    if pids != nil { try layout.require(.pids, for: "linux.resources.pids") }
    if cpuShares != nil || cpuQuotaMicroseconds != nil { try layout.require(.cpu, for: "linux.resources.cpu") }
    if !cpus.isEmpty || !memoryNodes.isEmpty { try layout.require(.cpuset, for: "linux.resources.cpu.cpus") }
    if !devices.isEmpty, isV1 { try layout.require(.devices, for: "linux.resources.devices") }
    if isV1, !unified.isEmpty { throw .badValue("linux.resources.unified: this machine has control groups v1") }
    if isV1, memoryAndSwapBytes != nil, memoryAndSwapBytes != -1, !layout.countsSwap {
      // Engines write twice the memory where nobody asked for a limit.
      if memoryAndSwapBytes != memoryBytes.map({ $0 * 2 }) {
        throw .badValue("linux.resources.memory.swap: \(CgroupCaveat.swapNotCounted)")
      }
    }
    if !isV1, swappiness != nil {
      throw .badValue("linux.resources.memory.swappiness: control groups v2 have no such limit")
    }
    if let swap = memoryAndSwapBytes, swap > 0, let memoryBytes, swap < memoryBytes {
      throw .badValue("linux.resources.memory.swap: it is memory and swap together, so not below memory.limit")
    }
  }

  private func legacy(_ writer: inout ResourceWriter, _ raisesMemory: Bool) {
    writer.write(.devices, deviceTexts)
    let both = writer.group.layout.countsSwap ? memoryAndSwapBytes.map { "\($0)" } : nil
    if raisesMemory { writer.write(.memory, "memory.memsw.limit_in_bytes", both) }
    writer.write(.memory, "memory.limit_in_bytes", memoryBytes.map { "\($0)" })
    if !raisesMemory { writer.write(.memory, "memory.memsw.limit_in_bytes", both) }
    writer.write(.memory, "memory.soft_limit_in_bytes", reservationBytes.map { "\($0)" })
    writer.write(.memory, "memory.swappiness", swappiness.map { "\($0)" })
    writer.write(.pids, "pids.max", pids.map { $0 <= 0 ? "max" : "\($0)" })
    writer.write(.cpu, "cpu.shares", cpuShares.flatMap { $0 == 0 ? nil : "\($0)" })
    writer.write(.cpu, "cpu.cfs_period_us", cpuPeriodMicroseconds.flatMap { $0 == 0 ? nil : "\($0)" })
    writer.write(.cpu, "cpu.cfs_quota_us", cpuQuotaMicroseconds.flatMap { $0 == 0 ? nil : "\($0)" })
    writer.write(.cpuset, "cpuset.cpus", cpus.isEmpty ? nil : cpus)
    writer.write(.cpuset, "cpuset.mems", memoryNodes.isEmpty ? nil : memoryNodes)
  }

  /// What the configuration says, then what every container may use.
  private var deviceTexts: [(file: String, text: String)] {
    devices.isEmpty
      ? [] : (devices + DeviceRule.standard).map { ($0.isAllowed ? "devices.allow" : "devices.deny", $0.legacyText) }
  }

  private func unified(_ writer: inout ResourceWriter) {
    writer.write(.memory, "memory.max", memoryBytes.map { Self.limit($0) })
    writer.write(.memory, "memory.swap.max", swapText)
    writer.write(.memory, "memory.low", reservationBytes.map { Self.limit($0) })
    writer.write(.pids, "pids.max", pids.map { $0 <= 0 ? "max" : "\($0)" })
    writer.write(.cpu, "cpu.weight", cpuShares.flatMap { $0 == 0 ? nil : "\(Self.weight(shares: $0))" })
    if cpuQuotaMicroseconds != nil || cpuPeriodMicroseconds != nil {
      let quota = cpuQuotaMicroseconds.flatMap { $0 > 0 ? "\($0)" : nil } ?? "max"
      let period = cpuPeriodMicroseconds.flatMap { $0 == 0 ? nil : $0 } ?? 100_000
      writer.write(.cpu, "cpu.max", "\(quota) \(period)")
    }
    writer.write(.cpuset, "cpuset.cpus", cpus.isEmpty ? nil : cpus)
    writer.write(.cpuset, "cpuset.mems", memoryNodes.isEmpty ? nil : memoryNodes)
    for (name, value) in unified { writer.write(.memory, name, value) }
  }

  private var swapText: String? {
    guard let both = memoryAndSwapBytes else { return nil }
    guard both >= 0, let memoryBytes, memoryBytes >= 0 else { return "max" }
    return "\(both - memoryBytes)"
  }

  private static func limit(_ value: Int64) -> String { value < 0 ? "max" : "\(value)" }

  /// The scale that runtimes agreed on: 2 to 262144 shares are 1 to 10000 of weight.
  static func weight(shares: UInt64) -> UInt64 {
    1 + (min(max(shares, 2), 262_144) - 2) * 9999 / 262_142
  }
}

private struct ResourceWriter {
  let group: Cgroup
  var operations: [CgroupOperation] = []

  mutating func write(_ controller: CgroupController, _ file: String, _ text: String?) {
    guard let text, let directory = group.directory(of: controller) else { return }
    operations.append(.write(path: directory + "/" + file, text: text))
  }

  mutating func write(_ controller: CgroupController, _ texts: [(file: String, text: String)]) {
    for (file, text) in texts { write(controller, file, text) }
  }
}
