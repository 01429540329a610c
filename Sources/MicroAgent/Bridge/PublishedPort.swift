import Basics

/// A port of the board behind which a container is reached.
public struct PublishedPort: Hashable, Sendable {
  public enum Transport: UInt8, Equatable, Sendable {
    case tcp = 6
    case udp = 17
  }

  /// Of the board.
  public var port: UInt16
  /// Of the container.
  public var target: UInt16
  public var transport: Transport

  public init(port: UInt16, target: UInt16, transport: Transport = .tcp) {
    (self.port, self.target, self.transport) = (port, target, transport)
  }

  /// Below it are the ports of the system's own services.
  public static let firstFree: UInt16 = 1024

  /// Reads `8080:80`, `53:53/udp`.
  public init?(text: String) {
    let halves = ASCII.split(Array(text.utf8)[...], at: UInt8(ascii: "/"))
    let ports = ASCII.split(halves[0], at: UInt8(ascii: ":")).compactMap {
      Decimal.parse($0).flatMap { UInt16(exactly: $0) }
    }
    guard halves.count <= 2, ports.count == 2, ASCII.split(halves[0], at: UInt8(ascii: ":")).count == 2 else {
      return nil
    }
    var transport = Transport.tcp
    if halves.count == 2 {
      guard let found = Transport(ASCII.string(halves[1])) else { return nil }
      transport = found
    }
    self.init(port: ports[0], target: ports[1], transport: transport)
  }

  /// What is wrong with it, as one line that says what would be right; nil: nothing.
  var problem: String? {
    port == 0 || target == 0 ? "published port \(self): ports are 1 to 65535" : nil
  }

  /// Whether both would be reached at one place.
  public func collides(with other: PublishedPort) -> Bool { port == other.port && transport == other.transport }
}

extension PublishedPort: CustomStringConvertible {
  public var description: String { "\(port):\(target)/\(transport)" }
}

extension PublishedPort.Transport: CustomStringConvertible {
  public var description: String { self == .tcp ? "tcp" : "udp" }

  public init?(_ text: String) {
    switch text {
    case "tcp": self = .tcp
    case "udp": self = .udp
    default: return nil
    }
  }
}
