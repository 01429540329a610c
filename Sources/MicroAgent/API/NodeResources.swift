import Basics
import Microcloud

/// What the node tells anybody who asks it by CoAP, without proof of who that is: only what its neighbours are to find.
public struct NodeResources {
  private let publications: [Publication]
  private let offer: () -> CBORValue
  private let revocations: [UInt8]?

  /// - Parameters:
  ///   - publications: what the node offers now.
  ///   - offer: what of itself it gives, as `Offer.value` has it.
  ///   - revocations: the newest list of revoked credentials, as it was signed; nil: none is known.
  public init(publications: [Publication], offer: @escaping () -> CBORValue, revocations: [UInt8]? = nil) {
    self.publications = publications
    self.offer = offer
    self.revocations = revocations
  }

  private static let linksPath = [".well-known", "core"]
  private static let publicationsPath = ["publications"]
  private static let offerPath = ["offer"]
  /// Those who are no members any more; what is signed may be told by anybody.
  public static let revocationsPath = ["revocations"]
  /// The address that a request comes from: whoever is behind a router that translates addresses learns it from this.
  public static let sourcePath = ["source"]
  /// What there is, as `/.well-known/core` lists it (RFC 6690).
  private static let links = [
    CoRELink.resource("/offer", type: "microagent.offer", contentFormat: .cbor),
    CoRELink.resource("/publications", type: "microagent.publications", contentFormat: .cbor),
    CoRELink.resource("/source", type: "microagent.source", contentFormat: .cbor),
  ]

  /// What there is, as a resource directory is told.
  public static var encodedLinks: [UInt8] { CoRELink.encode(links) }

  /// The response to a request.
  ///
  /// - Parameters:
  ///   - source: whom it came from.
  ///   - exponent: the size of the largest block that may be answered with (`CoAPRequestHandle.blockExponent`).
  public func response(
    to request: CoAPMessage, from source: IPAddress, exponent: UInt8 = CoAPBlock.maximumExponent
  ) -> CoAPMessage {
    switch request.path {
    case Self.linksPath: read(request, exponent) { links(request.query) }
    case Self.publicationsPath: read(request, exponent) { list }
    case Self.offerPath: read(request, exponent) { CoAPBody(offer().encoded, contentFormat: .cbor) }
    case Self.revocationsPath where revocations != nil:
      read(request, exponent) { CoAPBody(revocations ?? [], contentFormat: .cbor) }
    case Self.sourcePath: read(request, exponent) { Self.body(of: source) }
    default: CoAPMessage(code: .notFound)
    }
  }

  private func links(_ query: [String]) -> CoAPBody {
    let wanted = Self.links.filter { link in query.allSatisfy { link.matches($0) } }
    return CoAPBody(CoRELink.encode(wanted), contentFormat: .linkFormat)
  }

  private var list: CoAPBody {
    CoAPBody(OfferedPublications(publications).value.encoded, contentFormat: .cbor)
  }

  private static func body(of source: IPAddress) -> CoAPBody {
    CoAPBody(CBORValue.bytes(source.networkBytes).encoded, contentFormat: .cbor)
  }

  /// The address that a node answered with; nil: it is none.
  public static func source(encoded: [UInt8]) -> IPAddress? {
    guard case .bytes(let bytes) = try? CBORDecoder.decode(encoded) else { return nil }
    return IPAddress(networkBytes: bytes[...])
  }

  /// What a GET of a body is answered with; anything else is refused before there is a body.
  private func read(_ request: CoAPMessage, _ exponent: UInt8, _ body: () -> CoAPBody) -> CoAPMessage {
    guard request.code == .get else { return CoAPMessage(code: .methodNotAllowed) }
    // A request without a body has no blocks of one.
    guard request.options[.block1] == nil else { return CoAPMessage(code: .badOption) }
    let body = body()
    if let accept = request.accept, accept != body.contentFormat { return CoAPMessage(code: .notAcceptable) }
    guard request.conditionsHold(etag: body.etag) else { return CoAPMessage(code: .preconditionFailed) }
    return body.response(to: request, exponent: exponent)
  }
}
