import Crypto
import Microcloud

extension APIRequest {
  /// What is asked about blobs and images; nil: nothing of the kind.
  static func imageRequest(_ message: CoAPMessage, _ path: [String]) throws(RequestError) -> APIRequest? {
    switch (message.code, path.count) {
    case (.get, 2) where path[0] == "blobs": return .blob(digest: try BlobBlock.digest(path[1]))
    case (.put, 2) where path[0] == "blobs":
      return .putBlob(try BlobBlock(digest: try BlobBlock.digest(path[1]), message))
    case (.get, 1) where path[0] == "images": return .images
    case (.get, 2) where path[0] == "images": return .inspectImage(name: path[1])
    case (.put, 2) where path[0] == "images":
      return .makeImage(name: try imageName(path[1]), manifest: try manifest(message))
    case (.delete, 2) where path[0] == "images": return .removeImage(name: path[1])
    default: return nil
    }
  }

  private static func imageName(_ text: String) throws(RequestError) -> String {
    guard ImageName.isValid(text) else { throw RequestError(.invalid, "image \(text): \(ImageName.advice)") }
    return text
  }

  private static func manifest(_ message: CoAPMessage) throws(RequestError) -> [UInt8] {
    let reader = try APIMapReader(try content(of: message))
    try reader.refuseKeys { $0 == .manifest }
    let digest = reader.value[.manifest]?.bytesValue
    return try reader.need(digest?.count == SHA256.digestBytes ? digest : nil, .manifest, "a SHA-256 of 32 bytes")
  }
}
