import Basics
import Microcloud

/// A service that this node offers to its neighbours, in one of its containers or beside them.
public struct Publication: Equatable, Sendable {
  /// What it is: a service name (RFC 6335 section 5.1), as `http`, which is found as `_http._tcp`. Large and small
  /// letters are the same.
  public var type: String
  /// The TCP port on this board.
  public var port: UInt16
  /// For people; may be empty. Cloudy's search shows no more than 40 bytes of it.
  public var description: String

  public init(type: String, port: UInt16, description: String = "") {
    self.type = type
    self.port = port
    self.description = description
  }

  public static let maximumTypeBytes = 15
  /// It becomes a label of a DNS name.
  public static let maximumDescriptionBytes = 63

  /// `http:8080`: what it is listed and withdrawn by.
  public var name: String { "\(type):\(port)" }

  /// Whether this is its name, in letters of any size.
  public func isNamed(_ text: String) -> Bool {
    name.utf8.elementsEqual(text.utf8) { ASCII.lowercased($0) == ASCII.lowercased($1) }
  }

  /// Reads `TYPE:PORT` or `TYPE:PORT:DESCRIPTION`, as `http:8080:Our library`.
  public init(text: String) throws(RequestError) {
    let bytes = Array(text.utf8)
    let type = bytes.prefix { $0 != UInt8(ascii: ":") }
    let port = bytes.dropFirst(type.count + 1).prefix { $0 != UInt8(ascii: ":") }
    guard !type.isEmpty, let number = Decimal.parse(port).flatMap({ UInt16(exactly: $0) }) else {
      throw RequestError(.invalid, "publication \(text): write TYPE:PORT[:DESCRIPTION], as http:8080:Our library")
    }
    self.init(
      type: ASCII.string(type), port: number, description: ASCII.string(bytes.dropFirst(type.count + port.count + 2)))
    if let problem { throw RequestError(.invalid, problem) }
  }

  /// What is wrong with it, as one line that says what would be right; nil: nothing.
  public var problem: String? {
    // Before it is told whole.
    if type.utf8.count > Self.maximumTypeBytes {
      return "publication: its type has at most \(Self.maximumTypeBytes) characters"
    }
    return advice.map { "publication \(name): \($0)" }
  }

  private var advice: String? {
    if !Self.isServiceName(type) {
      return "its type has letters, digits and single '-' between them, at least one letter"
    }
    if Self(type: MicroagentEntry.type, port: port).isNamed(name) {
      return "agents themselves are found by that type: choose another"
    }
    if port == 0 { return "give a port from 1 to 65535" }
    if description.utf8.count > Self.maximumDescriptionBytes {
      return "its description has at most \(Self.maximumDescriptionBytes) bytes"
    }
    if description.unicodeScalars.contains(where: { $0.isControl }) {
      return "its description must not contain control characters"
    }
    return nil
  }

  private static func isServiceName(_ text: String) -> Bool {
    let words = ASCII.split(Array(text.utf8)[...], at: UInt8(ascii: "-"))
    return words.allSatisfy { !$0.isEmpty && $0.allSatisfy(ASCII.isLetterOrDigit) }
      && text.utf8.contains { ASCII.isLetterOrDigit($0) && $0 > UInt8(ascii: "9") }
  }
}
