import Microcloud

/// What a node offers, as it answers to whoever asks it: GET /publications over CoAP.
public struct OfferedPublications: Equatable, Sendable {
  /// The most that are told and read; all of them fit into `maximumBytes`.
  public static let maximumCount = 512
  /// The most bytes that the list takes, in CBOR.
  public static let maximumBytes = 64 * 1024

  public private(set) var list: [Publication]
  /// Whether a part of what came is no publication.
  public private(set) var isBroken = false

  public init(_ list: [Publication]) {
    self.list = Array(list.prefix(Self.maximumCount))
  }

  public var value: CBORValue { .array(list.map { $0.value }) }

  /// Reads what another node answered. Of its items those are taken that could be published here, too; an error if it is no
  /// list at all.
  public init(encoded bytes: [UInt8]) throws(CBORError) {
    guard let items = try CBORDecoder.decode(bytes).arrayValue else { throw CBORError(.unexpectedType, offset: 0) }
    self.init([])
    for item in items {
      guard list.count < Self.maximumCount, let publication = Self.publication(item) else {
        isBroken = true
        continue
      }
      list.append(publication)
    }
  }

  private static func publication(_ item: CBORValue) -> Publication? {
    do throws(RequestError) {
      let publication = try Publication(offered: item)
      return publication.problem == nil ? publication : nil
    } catch {
      return nil
    }
  }

  /// What they are at a neighbour, in the words of the search.
  ///
  /// - Parameters:
  ///   - member: whose they are.
  ///   - microcloud: its.
  public func services(of member: DirectoryMember, microcloud: String) -> [CloudyService] {
    let node = CloudyText.shown(member.name.bytes)
    return list.map { $0.service(node: node, address: member.address, microcloud: microcloud) }
  }
}
