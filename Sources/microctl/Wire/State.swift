import MicroAgent
import Microcloud

/// A container's state as the agent tells it; what is missing reads as empty, since agent and command may differ in age.
struct State {
  let value: CBORValue

  var name: String { value[.name]?.textValue ?? "" }
  /// Where it is, in lists of those on several nodes.
  var node: String { value[.node]?.textValue ?? "" }
  var phase: String { value[.phase]?.textValue ?? "unknown" }
  var startedSeconds: UInt64 { value[.startedSeconds]?.unsignedValue ?? 0 }
  var endedSeconds: UInt64 { value[.endedSeconds]?.unsignedValue ?? 0 }
  var exitCode: CInt? { value[.end]?[.exitCode]?.unsignedValue.map { CInt(truncatingIfNeeded: $0 & 0xFF) } }
  var reason: String? { value[.end]?[.reason]?.textValue }
  var memoryBytes: UInt64 { value[.request]?[.memoryBytes]?.unsignedValue ?? 0 }
  /// Where it is reached in the network "bridge": its addresses, and the node's ports that lead to it.
  var network: String {
    let addresses = value[.addresses]?.arrayValue?.compactMap { $0.textValue } ?? []
    let ports = value[.request]?[.ports]?.arrayValue ?? []
    return Text.joined(addresses + (addresses.isEmpty ? [] : ports.map { Self.port($0) }), by: " ")
  }

  private static func port(_ value: CBORValue) -> String {
    let text = "\(value[.port]?.unsignedValue ?? 0)->\(value[.targetPort]?.unsignedValue ?? 0)"
    return value[.transport]?.textValue.map { "\(text)/\($0)" } ?? text
  }

  var command: [String] { value[.request]?[.command]?.arrayValue?.compactMap { $0.textValue } ?? [] }

  /// Nothing of it runs, and nothing will unless somebody asks for it.
  var isFinal: Bool { phase == "ended" }

  /// For tables: `up 3m`, `ended 2m ago (exit code 1)`.
  func status(now: UInt64) -> String {
    let why = reason.map { " (\($0))" } ?? ""
    switch phase {
    case "running":
      let isPaused = value[.paused]?.boolValue ?? false
      let more = isPaused ? "paused" : value[.health]?.textValue
      return "up \(Duration.since(startedSeconds, now: now))\(more.map { " (\($0))" } ?? "")"
    case "ended": return endedSeconds == 0 ? "ended\(why)" : "ended \(Duration.since(endedSeconds, now: now)) ago\(why)"
    case "waiting": return "waits to restart\(why)"
    default: return phase
    }
  }
}
