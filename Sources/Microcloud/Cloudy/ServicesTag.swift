import Basics

/// The tag `services`, through which Cloudy's search finds what a node offers: base64 of bzip2 of JSON.
///
/// It says the agent itself first, and of its services as many as fit. Which ones are dropped is in `dropped`: they are
/// still found by who asks the node.
public struct ServicesTag: Equatable, Sendable {
  /// The tag's name.
  public static let name = "services"
  /// The most characters of the value. With it as the only tag, stock Serf just takes it
  /// (`Tags.customaryMaximumBytes`).
  public static let maximumValueBytes = 498
  /// The most services that are tried: no more would ever fit.
  static let maximumTried = 24
  /// The most bytes of a list that is read. Those of real nodes have some hundred; a fork of Serf lets through five
  /// times what we may say.
  static let maximumTextBytes = 16 * 1024
  /// The most services of a node that are read.
  static let maximumServices = 128

  /// The value of the tag.
  public let value: String
  /// Indices of the services that did not fit, the most important one first.
  public let dropped: [Int]

  /// The tag for the agent and its services. The agent stands first and is never dropped. The others follow by
  /// priority, and among equals the ones that were published first; of this order the end is dropped.
  public init(agent: CloudyService, services: [RankedService]) {
    let order = services.indices.sorted { Self.precedes(services[$0], $0, services[$1], $1) }
    let entries = order.prefix(Self.maximumTried).map { services[$0].service }
    var value = Self.encode([agent])
    var fitting = 0
    var tooMany = entries.count + 1
    while tooMany - fitting > 1 {
      let count = (fitting + tooMany) / 2
      let longer = Self.encode([agent] + entries.prefix(count))
      if longer.utf8.count <= Self.maximumValueBytes {
        fitting = count
        value = longer
      } else {
        tooMany = count
      }
    }
    self.value = value
    dropped = Array(order.dropFirst(fitting))
  }

  private static func precedes(_ left: RankedService, _ leftIndex: Int, _ right: RankedService, _ rightIndex: Int)
    -> Bool
  {
    if left.priority != right.priority { return left.priority > right.priority }
    if left.order != right.order { return left.order < right.order }
    return leftIndex < rightIndex
  }

  /// The value that says these services, as long as it may be.
  private static func encode(_ services: [CloudyService]) -> String {
    ASCII.string(Base64.encoded(BZip2.pack(text(of: services))))
  }

  /// The list, as Cloudy writes it.
  static func text(of services: [CloudyService]) -> [UInt8] {
    var text: [UInt8] = Array("[".utf8)
    for (index, service) in services.enumerated() {
      if index > 0 { text += ",".utf8 }
      append(service.cleaned, to: &text)
    }
    text += "]\n".utf8
    return text
  }

  /// `{"s":"Docker",…}`: cleaned, no field needs an escape.
  private static func append(_ service: CloudyService, to text: inout [UInt8]) {
    text += "{".utf8
    for (index, field) in CloudyService.fields.enumerated() {
      if index > 0 { text += ",".utf8 }
      ByteText.appendQuoted(String(Unicode.Scalar(field.letter)), to: &text)
      text += ":".utf8
      ByteText.appendQuoted(service[field.letter] ?? "", to: &text)
    }
    text += "}".utf8
  }

  /// The services that a tag says, whoever wrote it.
  public static func decode(_ value: String) throws(ServicesTagError) -> [CloudyService] {
    if value.isEmpty { return [] }
    if value.utf8.count > Tags.maximumBytes { throw .tooLong }
    guard let packed = Base64.decode(value.utf8) else { throw .notBase64 }
    let text: [UInt8]
    do throws(BZip2Error) {
      text = try BZip2.expand(packed[...], limit: maximumTextBytes)
    } catch {
      throw .packing(error)
    }
    return try ServicesReader.read(text)
  }
}

/// A service of ours for the tag, and its rank among them.
public struct RankedService: Equatable, Sendable {
  public var service: CloudyService
  /// Where there is no room for all, lower ones are dropped first.
  public var priority: UInt8
  /// When it was published, compared to others: a number that grows, such as the id of its container.
  public var order: UInt64

  public init(_ service: CloudyService, priority: UInt8 = 0, order: UInt64) {
    self.service = service
    self.priority = priority
    self.order = order
  }
}

/// Why a tag is not understood.
public enum ServicesTagError: Error, Equatable, Sendable {
  case tooLong
  case notBase64
  case packing(BZip2Error)
  case malformed(offset: Int)
  case tooDeep
  case tooMany
}

extension ServicesTagError: CustomStringConvertible {
  /// One line for a person.
  public var description: String {
    switch self {
    case .tooLong: "read services: the tag is longer than the limit"
    case .notBase64: "read services: the tag is not base64"
    case .packing(let error): "read services: \(error)"
    case .malformed(let offset): "read services: no list of services at byte \(offset)"
    case .tooDeep: "read services: nested too deeply"
    case .tooMany: "read services: more services than the limit"
    }
  }
}
