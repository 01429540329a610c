// sources: Sources/Images/JSON Sources/Images/Manifests Sources/Basics Sources/Crypto
// C: Sources/CSystem/random.c -lmbedcrypto
// Any bytes are an image's document within its limits, or one short line for a person.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzImageManifest(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  if let index = taken({ () throws(ImageError) in try ImageIndex(parsing: input) }) {
    precondition((1...ImageIndex.maximumEntries).contains(index.entries.count))
    _ = taken { () throws(ImageError) in try index.choose(architectures: ["386", "amd64"]) }
    for entry in index.entries { check(entry.descriptor) }
  }
  let manifest = taken { () throws(ImageError) in try ImageManifest(parsing: input) }
  if let manifest {
    precondition(manifest.layers.count <= ImageManifest.maximumLayers)
    for descriptor in manifest.layers + [manifest.config] { check(descriptor) }
  }
  if let config = taken({ () throws(ImageError) in try ImageConfig(parsing: input) }) {
    let texts = config.environment + config.entrypoint + config.command + [config.user, config.workingDirectory]
    precondition(texts.allSatisfy { !$0.utf8.contains(0) }, "text that no program can be given")
    precondition(texts.reduce(0) { $0 + $1.utf8.count } <= ImageConfig.maximumTextBytes)
    if let manifest {
      _ = taken { () throws(ImageError) in try config.check(against: manifest, architectures: ["386"]) }
    }
  }
  if let archive = taken({ () throws(ImageError) in try DockerArchive(parsing: input) }) {
    precondition(archive.images.count <= DockerArchive.maximumImages)
  }
  return 0
}

private func taken<Value>(_ read: () throws(ImageError) -> Value) -> Value? {
  do throws(ImageError) {
    return try read()
  } catch {
    let line = error.description
    precondition(line.utf8.count <= 20_000 && !line.unicodeScalars.contains { $0.isControl }, "not a line for a person")
    return nil
  }
}

private func check(_ descriptor: ImageDescriptor) {
  precondition(descriptor.sizeBytes <= ImageDescriptor.maximumSizeBytes)
  precondition(Digest(descriptor.digest.description) == descriptor.digest)
}
