/// Why one of an image's documents is none that we take: `image manifest: layers: more than 128`.
public struct ImageError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Which document.
  public enum Document: Equatable, Sendable {
    case index
    case manifest
    case config
    /// `manifest.json` of a Docker archive.
    case archiveList
  }

  public let document: Document
  /// What is wrong with it and, where something can be done, what.
  public let problem: String

  public init(_ document: Document, _ problem: String) {
    self.document = document
    self.problem = problem
  }

  /// One line for a person.
  public var description: String {
    let name =
      switch document {
      case .index: "image index"
      case .manifest: "image manifest"
      case .config: "image configuration"
      case .archiveList: "manifest.json of the archive"
      }
    return "\(name): \(problem)"
  }
}
