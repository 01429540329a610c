import Basics
import Images
import LinuxSystem
import MicroAgent

/// Makes an image of blobs that are there, step by step: its manifest is read, its configuration, then each layer is unpacked that
/// no image has yet. Nothing of it counts before the image's record is durable.
final class ImageMaking {
  /// What is wanted.
  struct Wish {
    let name: String
    let manifest: [UInt8]
    let holder: [UInt8]
    /// What its holder may still have here; nil: as much as it likes.
    let leftBytes: UInt64?
  }

  let wish: Wish
  private let keeping: ImageKeeping
  private let completion: (Result<ImageRecord, RequestError>) -> Void
  private var manifest: ImageManifest?
  private var config: ImageConfig?
  /// Those that are there, from the lowest on.
  private var layers: [ImageRecord.Layer] = []
  /// Those of them that were unpacked for it.
  private var made: [[UInt8]] = []
  private var unpacking: LayerUnpacking?

  init(_ wish: Wish, _ keeping: ImageKeeping, completion: @escaping (Result<ImageRecord, RequestError>) -> Void) {
    self.wish = wish
    self.keeping = keeping
    self.completion = completion
  }

  /// Whether one of these layers must not go meanwhile.
  func needs(anyOf digests: [[UInt8]]) -> Bool {
    manifest?.layers.contains { digests.contains($0.digest.bytes) } ?? false
  }

  func begin() {
    // Whoever lost the answer asks again.
    if let there = keeping.inventory.image(named: wish.name), there.manifest == wish.manifest {
      return completion(.success(there))
    }
    CrashPoint.pass("before its manifest is read")
    read(wish.manifest, limitBytes: ImageManifest.maximumBytes, "manifest") { [self] bytes throws(ImageError) in
      let manifest = try ImageManifest(parsing: bytes)
      if manifest.layers.count > ImageRecord.maximumLayers {
        throw ImageError(
          .manifest, "more than \(ImageRecord.maximumLayers) layers: squash some, as by `podman build --squash`")
      }
      if manifest.layers.isEmpty { throw ImageError(.manifest, "no layers: there is nothing to run") }
      self.manifest = manifest
      readConfig(manifest)
    }
  }

  /// Nothing more comes of it.
  func cancel() {
    unpacking?.cancel()
    unpacking = nil
  }

  // MARK: Reading

  private func readConfig(_ manifest: ImageManifest) {
    read(manifest.config.digest.bytes, limitBytes: ImageConfig.maximumBytes, "configuration") {
      [self] bytes throws(ImageError) in
      let config = try ImageConfig(parsing: bytes)
      let is64Bit = Version.instructionSet == "atom64"
      try config.check(against: manifest, architectures: ImageIndex.architectures(is64Bit: is64Bit))
      self.config = config
      goOn()
    }
  }

  private func read(
    _ digest: [UInt8], limitBytes: Int, _ what: String, _ take: @escaping ([UInt8]) throws(ImageError) -> Void
  ) {
    keeping.blobs.ask(.read(digest: digest, limitBytes: UInt64(limitBytes) + 1)) { [self] answer in
      guard case .content(let bytes) = answer else {
        return fail(RequestError(.notFound, "image \(wish.name): its \(what) is not here: push it first"))
      }
      do throws(ImageError) { try take(bytes) } catch {
        fail(RequestError(.invalid, "image \(wish.name): \(error)"))
      }
    }
  }

  // MARK: Unpacking

  /// Takes the next layer that is there, or unpacks it.
  private func goOn() {
    guard let manifest, let config else { return }
    while layers.count < manifest.layers.count {
      let next = manifest.layers[layers.count]
      let known = keeping.inventory.layer(next.digest.bytes) ?? layers.first { $0.digest == next.digest.bytes }
      guard let known else { return unpack(next, config.layerDigests[layers.count]) }
      layers.append(known)
    }
    findAccount(config)
  }

  private func unpack(_ layer: ImageDescriptor, _ content: Digest) {
    let held = layers.reduce(UInt64(0)) { $0 + $1.sizeBytes }
    let left = wish.leftBytes.map { $0 - min($0, held) } ?? .max
    CrashPoint.pass("before layer \(layers.count + 1) is unpacked")
    let (needed, room) = (LayerUnpacking.neededBytes(layer), keeping.files.roomBytes)
    if needed <= room { return startUnpacking(layer, content, left) }
    keeping.makeRoom(lackBytes: needed - room) { [self] isMade in
      if isMade { return unpack(layer, content) }
      startUnpacking(layer, content, left)
    }
  }

  private func startUnpacking(_ layer: ImageDescriptor, _ content: Digest, _ left: UInt64) {
    let task = LayerUnpacking.Task(
      layer: layer, content: content, firstHostID: keeping.firstHostID, leftBytes: left)
    unpacking = keeping.unpack(task) { [self] outcome in
      unpacking = nil
      unpacked(layer, outcome)
    }
  }

  private func unpacked(_ layer: ImageDescriptor, _ outcome: LayerUnpacking.Outcome) {
    CrashPoint.pass("layer \(layers.count + 1) is unpacked")
    switch outcome {
    case .unpacked(let size, let notices):
      made.append(layer.digest.bytes)
      layers.append(ImageRecord.Layer(digest: layer.digest.bytes, sizeBytes: size, notices: notices))
      goOn()
    case .failed(let line): fail(RequestError(.invalid, "image \(wish.name): layer \(layers.count + 1): \(line)"))
    }
  }

  // MARK: The end

  /// As whom it runs its own files say. What they do not say keeps nobody from saying it when it is run.
  private func findAccount(_ config: ImageConfig) {
    if config.user.isEmpty { return finish(config, nil) }
    let layers = layers.reversed().map { $0.digest }
    keeping.blobs.ask(.account(user: config.user, layers: layers)) { [self] answer in
      if case .account(let account) = answer { return finish(config, account) }
      finish(config, nil)
    }
  }

  private func finish(_ config: ImageConfig, _ account: ImageDefaults.Account?) {
    var defaults = ImageDefaults()
    defaults.account = account
    defaults.entrypoint = config.entrypoint
    defaults.command = config.command
    defaults.environment = config.environment
    defaults.workingDirectory = config.workingDirectory
    defaults.user = config.user
    defaults.stopSignal = config.stopSignal
    defaults.health = config.healthcheck.map { HealthCheck($0) }
    keeping.add(wish, layers, defaults) { [self] result in
      switch result {
      case .success:
        keeping.removeBlobs(of: manifest, wish.manifest)
        completion(result)
      case .failure(let error): fail(error)
      }
    }
  }

  /// What was unpacked for it goes; the blobs stay, for another attempt.
  private func fail(_ error: RequestError) {
    if !made.isEmpty { keeping.blobs.ask(.remove(blobs: [], layers: made)) { _ in } }
    completion(.failure(error))
  }
}

extension HealthCheck {
  /// As an image says it, as far as a board can: what it leaves out is as usual, what is beyond the limits is at them.
  fileprivate init(_ image: ImageConfig.Healthcheck) {
    self.init()
    command = image.command
    func take(_ given: UInt64, _ least: UInt64, _ most: UInt64, into target: inout UInt64) {
      if given > 0 { target = min(max(given, least), most) }
    }
    take(image.intervalMilliseconds, Self.leastIntervalMilliseconds, Self.mostMilliseconds, into: &intervalMilliseconds)
    take(image.timeLimitMilliseconds, 1, ExecRequest.mostTimeMilliseconds, into: &timeLimitMilliseconds)
    take(image.startMilliseconds, 0, Self.mostMilliseconds, into: &startMilliseconds)
    take(image.retries, 1, Self.mostRetries, into: &retries)
  }
}
