/// Where a member stands in a space whose distances are round-trip times (Vivaldi). All numbers are seconds.
public struct Coordinate: Equatable, Sendable {
  /// Peers refuse a coordinate of another number of dimensions.
  public static let dimensions = 8

  public var vector: [Double]
  /// How sure the member is of it: 1.5 at the start, less with time.
  public var error: Double
  /// The part of every distance that lies at the member itself.
  public var height: Double
  public var adjustment: Double

  public init(vector: [Double], error: Double, height: Double, adjustment: Double) {
    self.vector = vector
    self.error = error
    self.height = height
    self.adjustment = adjustment
  }

  /// Where everybody starts.
  public static let origin = Coordinate(
    vector: [Double](repeating: 0, count: dimensions), error: 1.5, height: 1e-5, adjustment: 0)

  /// Whether peers take it: of the right number of dimensions, all of them finite.
  public var isValid: Bool {
    vector.count == Self.dimensions && (vector + [error, height, adjustment]).allSatisfy { $0.isFinite }
  }
}

extension Coordinate {
  /// The first byte of an acknowledgement's payload.
  static let payloadVersion: UInt8 = 1

  /// The payload of an acknowledgement.
  public var encoded: [UInt8] {
    var encoder = MessagePackEncoder(appendingTo: [Self.payloadVersion])
    encoder.map(4)
    encoder.key("Adjustment")
    encoder.double(adjustment)
    encoder.key("Error")
    encoder.double(error)
    encoder.key("Height")
    encoder.double(height)
    encoder.key("Vec")
    encoder.array(vector.count)
    for component in vector { encoder.double(component) }
    return encoder.bytes
  }
}

extension Coordinate {
  /// The coordinate in the payload of an acknowledgement. It need not be valid: see `isValid`.
  public init(payload: [UInt8]) throws(GossipError) {
    guard let version = payload.first else { throw .empty }
    if version != Self.payloadVersion { throw .unexpectedMessage(type: version) }
    var reader = MessagePackReader(payload.dropFirst())
    do throws(MessagePackError) {
      try self.init(from: &reader)
    } catch {
      throw .malformed(error)
    }
  }

  private init(from reader: inout MessagePackReader) throws(MessagePackError) {
    self.init(vector: [], error: 0, height: 0, adjustment: 0)
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Adjustment": adjustment = try reader.double()
      case "Error": error = try reader.double()
      case "Height": height = try reader.double()
      case "Vec":
        vector = []
        for _ in 0..<(try reader.array(limit: Self.dimensions)) { vector.append(try reader.double()) }
      default: try reader.skip()
      }
    }
  }
}
