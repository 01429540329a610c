import Basics

/// What the kernel tells of a link, as far as bridges and their ports are concerned.
public struct LinkRecord: Equatable, Sendable {
  public let index: UInt32
  public let name: String
  /// The index of the bridge that it is a port of; 0: none.
  public let bridge: UInt32
  /// What its maker wrote down there.
  public let alias: String

  public init(index: UInt32, name: String, bridge: UInt32, alias: String) {
    (self.index, self.name, self.bridge, self.alias) = (index, name, bridge, alias)
  }

  private static let newLink: UInt16 = 16
  private static let getLink: UInt16 = 18
  private static let dump: UInt16 = 0x300
  private static let linkName: UInt16 = 3
  private static let master: UInt16 = 10
  private static let alias: UInt16 = 20
  private static let headerBytes = 16
  /// IFALIASZ and IFNAMSIZ of the kernel's.
  private static let maximumTextBytes = 256

  /// Nil: the message tells of something else, or is cut off.
  public init?(_ message: NetlinkMessage) {
    guard message.type == Self.newLink, message.body.first == 0, let index = message.body.number32(at: 4) else {
      return nil
    }
    let attributes = message.body.dropFirst(Self.headerBytes)
    guard let name = attributes.netlinkAttribute(Self.linkName) else { return nil }
    self.init(
      index: index, name: Self.text(name), bridge: attributes.netlinkAttribute(Self.master)?.number32(at: 0) ?? 0,
      alias: attributes.netlinkAttribute(Self.alias).map { Self.text($0) } ?? "")
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    ASCII.string(bytes.prefix { $0 != 0 }.prefix(maximumTextBytes))
  }

  /// The request for one link; the answer is one message, or an error.
  public static func request(for name: String) -> [UInt8] {
    request(flags: 0) { $0.attribute(linkName, text: name) }
  }

  /// The request for all links; the last message says that it is the last.
  public static var requestForAll: [UInt8] { request(flags: dump) { _ in } }

  private static func request(flags: UInt16, _ add: (inout NetlinkWriter) -> Void) -> [UInt8] {
    var writer = NetlinkWriter()
    let place = writer.begin(message: getLink, flags: flags, sequence: 0)
    for _ in 0..<4 { writer.number(0) }
    add(&writer)
    writer.end(place)
    return writer.bytes
  }
}
