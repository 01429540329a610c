/// All images of a node, and what follows for their layers: which are needed, which go, and when.
///
/// An image that a container was made of stays as long as that container is there; of the others the one that was used
/// least lately goes first, when room is needed.
public struct ImageInventory: Equatable, Sendable {
  public private(set) var images: [ImageRecord] = []
  private var nextID: UInt64 = 1

  /// More than a board has room for.
  public static let maximumImages = 256

  public init(_ images: [ImageRecord] = [], nextID: UInt64 = 1) {
    self.images = images
    self.nextID = max(nextID, (images.map { $0.id }.max() ?? 0) + 1)
  }

  // MARK: Looking

  public func image(named name: String) -> ImageRecord? { images.first { $0.name == name } }

  /// The image with this manifest, if whoever asks may have it.
  public func image(manifest: [UInt8], for principal: Principal) -> ImageRecord? {
    images.first { $0.manifest == manifest && (principal.role == .owner || $0.holder == principal.holder) }
  }

  /// Those that a principal is told of.
  public func images(for principal: Principal) -> [ImageRecord] {
    Permission.seesAll(principal) ? images : images.filter { $0.holder == principal.holder }
  }

  /// A layer that some image has.
  public func layer(_ digest: [UInt8]) -> ImageRecord.Layer? {
    for image in images {
      if let found = image.layers.first(where: { $0.digest == digest }) { return found }
    }
    return nil
  }

  /// The layers that no other image has: they go with it.
  public func ownLayers(of image: ImageRecord) -> [[UInt8]] {
    let others = images.filter { $0.id != image.id }
    return image.layers.map { $0.digest }.filter { digest in
      !others.contains { other in other.layers.contains { $0.digest == digest } }
    }
  }

  public func heldBytes(by holder: [UInt8]) -> UInt64 {
    images.reduce(0) { $1.holder == holder ? $0 + $1.sizeBytes : $0 }
  }

  /// The one that goes first when room is needed; nil: all are in use.
  public func leastNeeded(isUsed: (ImageRecord) -> Bool) -> ImageRecord? {
    images.filter { !isUsed($0) }.min { ($0.name.isEmpty ? 0 : 1, $0.used) < ($1.name.isEmpty ? 0 : 1, $1.used) }
  }

  // MARK: Changing

  /// The number of a new image.
  public mutating func takeID() -> UInt64 {
    defer { nextID += 1 }
    return nextID
  }

  /// The number of a use.
  public var nextUse: UInt64 { (images.map { $0.used }.max() ?? 0) + 1 }

  /// Adds an image. One that had its name has none any more.
  public mutating func add(_ image: ImageRecord) {
    for index in images.indices where images[index].name == image.name { images[index].name = "" }
    images.append(image)
  }

  public mutating func noteUse(of id: UInt64) {
    let use = nextUse
    for index in images.indices where images[index].id == id { images[index].used = use }
  }

  /// Removes an image. Returns the layers that no image has any more.
  public mutating func remove(_ id: UInt64) -> [[UInt8]] {
    guard let index = images.firstIndex(where: { $0.id == id }) else { return [] }
    defer { images.remove(at: index) }
    return ownLayers(of: images[index])
  }
}
