/// Why a packet, a stream or a part of one was not taken.
public enum GossipError: Error, Equatable, Sendable {
  case empty
  /// A type of message that we do not know, or that does not belong here.
  case unexpectedMessage(type: UInt8)
  case malformed(MessagePackError)
  /// A compound ends before its parts do.
  case truncatedCompound
  case checksum
  /// The packet or stream belongs to another cluster that shares the network.
  case labelled
  /// There is a keyring, and this is not sealed.
  case notEncrypted
  /// No key of the ring opens it.
  case undecryptable
  case unknownCompression(UInt8)
  case corruptCompression
  /// Compounds and compression inside one another.
  case tooDeep
  /// More bytes than the limit.
  case tooLarge
  /// More messages in a packet, or members in a push/pull, than the limit.
  case tooMany
}

extension GossipError: CustomStringConvertible {
  /// One line for a person.
  public var description: String {
    switch self {
    case .empty: "read gossip: no message"
    case .unexpectedMessage(let type): "read gossip: a message of type \(type), which does not belong here"
    case .malformed(let error): "read gossip: \(error)"
    case .truncatedCompound: "read gossip: a compound ends before its parts do"
    case .checksum: "read gossip: the checksum does not match"
    case .labelled: "read gossip: labelled for another cluster"
    case .notEncrypted: "read gossip: not encrypted, while this cluster has a key"
    case .undecryptable: "read gossip: no key of the keyring opens it"
    case .unknownCompression(let algorithm): "read gossip: compressed in the unknown way \(algorithm)"
    case .corruptCompression: "read gossip: the compressed bytes are corrupt"
    case .tooDeep: "read gossip: compounds and compression are nested too deeply"
    case .tooLarge: "read gossip: more bytes than the limit"
    case .tooMany: "read gossip: more messages or members than the limit"
    }
  }
}
