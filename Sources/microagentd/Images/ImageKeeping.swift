import Basics
import Cgroups
import EventLoop
import Images
import LinuxSystem
import MicroAgent

/// The node's images: takes the blobs that they are brought in, makes images of them, and gives their room away when they are
/// not needed.
final class ImageKeeping {
  let files: ImageFiles
  let loop: EventLoop
  let blobs: BlobLink
  private let launcher: Launcher
  private let table: ImageTable
  private(set) var inventory: ImageInventory
  private var underWay = BlobsUnderWay()
  /// The user on the board that root in a layer becomes, where mounts cannot map ids; 0: they can.
  let firstHostID: UInt32
  /// Whether a container was made of it that is still there.
  var isUsed: (ImageRecord) -> Bool = { _ in false }
  /// The first is under way, the others wait.
  private var makings: [ImageMaking] = []

  /// Of those who wait for a board that can do one thing at a time.
  private static let mostMakings = 8

  /// Goes on with what was kept.
  init(
    _ configuration: Configuration, _ inventory: ImageInventory, _ table: ImageTable, _ launcher: Launcher,
    on loop: EventLoop
  ) throws(StartError) {
    files = ImageFiles(directory: configuration.imagesDirectory)
    self.loop = loop
    self.launcher = launcher
    self.inventory = inventory
    self.table = table
    do throws(SystemError) {
      try files.makeDirectories()
      let mapsIDs = try launcher.canMapIDs(below: files.layers)
      firstHostID = mapsIDs ? 0 : UInt32(configuration.firstUserID)
      blobs = try BlobLink(files, on: loop)
    } catch {
      throw StartError("\(error)")
    }
    sweep()
  }

  func close() {
    for making in makings { making.cancel() }
    makings = []
    blobs.close()
    isUsed = { _ in false }
  }

  /// Layers that no image has, and halves of them, were left by an agent that died; and blobs of those that are images by now.
  private func sweep() {
    let manifests = inventory.images.map { $0.manifest }
    let left = ((try? Files.list(files.blobs)) ?? []).compactMap { Hexadecimal.bytes($0.utf8) }
    let needless = left.filter { digest in inventory.layer(digest) != nil || manifests.contains(digest) }
    if !needless.isEmpty { blobs.ask(.remove(blobs: needless, layers: [])) { _ in } }
    let names = (try? Files.list(files.layers)) ?? []
    var strays: [[UInt8]] = []
    for name in names {
      guard let digest = Hexadecimal.bytes(name.utf8.prefix { $0 != UInt8(ascii: ".") }) else { continue }
      let isHalf = name.utf8.contains(UInt8(ascii: "."))
      if isHalf || inventory.layer(digest) == nil { strays.append(digest) }
    }
    if !strays.isEmpty {
      blobs.ask(.sweep(layers: strays, known: strays.filter { inventory.layer($0) != nil })) { _ in }
    }
  }

  // MARK: Blobs

  /// What of a blob is there. That of a layer need not be brought any more.
  func status(_ digest: [UInt8], completion: @escaping (BlobAnswer) -> Void) {
    if let layer = inventory.layer(digest) {
      return completion(.status(sizeBytes: layer.sizeBytes, have: ByteRuns(), isComplete: true))
    }
    blobs.ask(.status(digest: digest), completion: completion)
  }

  /// Takes a piece of one. Where the disk has no room for it, images go that nobody uses.
  ///
  /// - Parameter leftBytes: what its holder may still have here; nil: as much as it likes.
  func put(
    _ block: BlobBlock, by holder: [UInt8], leftBytes: UInt64?, completion: @escaping (BlobAnswer) -> Void
  ) throws(RequestError) {
    if inventory.layer(block.digest) != nil { return completion(.complete) }
    if let refusal = underWay.begin(block, by: holder, leftBytes: leftBytes) { throw refusal }
    write(block, completion)
  }

  private func write(_ block: BlobBlock, _ completion: @escaping (BlobAnswer) -> Void) {
    let task = BlobTask.write(
      digest: block.digest, sizeBytes: block.sizeBytes, offset: block.offset, bytes: block.bytes)
    blobs.ask(task) { [unowned(unsafe) self] answer in
      guard case .noSpace(let lack) = answer else {
        if answer == .wrongDigest { underWay.end(block.digest) }
        return completion(answer)
      }
      makeRoom(lackBytes: lack) { [unowned(unsafe) self] isMade in
        if isMade { return write(block, completion) }
        underWay.end(block.digest)
        completion(answer)
      }
    }
  }

  /// The image has them now, unpacked.
  func removeBlobs(of manifest: ImageManifest?, _ digest: [UInt8]) {
    guard let manifest else { return }
    let digests = [digest, manifest.config.digest.bytes] + manifest.layers.map { $0.digest.bytes }
    for digest in digests { underWay.end(digest) }
    CrashPoint.pass("before its blobs are deleted")
    blobs.ask(.remove(blobs: digests, layers: [])) { _ in }
  }

  // MARK: Making

  /// Makes an image, after those that were asked for before.
  func make(
    _ wish: ImageMaking.Wish, completion: @escaping (Result<ImageRecord, RequestError>) -> Void
  ) throws(RequestError) {
    if inventory.images.count >= ImageInventory.maximumImages {
      throw RequestError(
        .noRoom, "image \(wish.name): the node holds \(ImageInventory.maximumImages) images, its limit")
    }
    guard makings.count < Self.mostMakings else {
      throw RequestError(.noRoom, "image \(wish.name): the node makes \(Self.mostMakings) others: try again")
    }
    makings.append(
      ImageMaking(wish, self) { [unowned(unsafe) self] result in
        makings.removeFirst()
        completion(result)
        makings.first?.begin()
      })
    if makings.count == 1 { makings[0].begin() }
  }

  /// Unpacks a layer, in a process of its own.
  func unpack(_ task: LayerUnpacking.Task, completion: @escaping (LayerUnpacking.Outcome) -> Void) -> LayerUnpacking? {
    let group: Cgroup
    do throws(CgroupError) { group = try launcher.makeUnpackerGroup(writingTo: files.layers) } catch {
      completion(.failed("\(error)"))
      return nil
    }
    do throws(SystemError) {
      return try LayerUnpacking(task, files, in: group, on: loop, completion: completion)
    } catch {
      completion(.failed("\(error)"))
      return nil
    }
  }

  /// Makes the image's record durable.
  func add(
    _ wish: ImageMaking.Wish, _ layers: [ImageRecord.Layer], _ defaults: ImageDefaults,
    completion: @escaping (Result<ImageRecord, RequestError>) -> Void
  ) {
    let image = ImageRecord(
      id: inventory.takeID(), name: wish.name, manifest: wish.manifest, holder: wish.holder, layers: layers,
      defaults: defaults, firstHostID: firstHostID, used: inventory.nextUse, createdSeconds: Clock.wallSeconds())
    CrashPoint.pass("before the image's record")
    table.add(image) { [unowned(unsafe) self] problem in
      CrashPoint.pass("the image's record is durable")
      if let problem {
        let line = "image \(wish.name): write its record: \(problem)"
        return completion(.failure(RequestError(.failed, line)))
      }
      let replaced = inventory.image(named: wish.name)
      inventory.add(image)
      completion(.success(image))
      if let replaced, !isUsed(replaced) { remove(replaced) { _ in } }
    }
  }

  // MARK: Using and removing

  func noteUse(of image: ImageRecord) {
    inventory.noteUse(of: image.id)
    if let noted = inventory.images.first(where: { $0.id == image.id }) { table.noteUse(of: noted) }
  }

  /// The directories of a container's layers, from the uppermost on.
  func layers(of image: ImageRecord) -> [String] { image.layers.reversed().map { files.layer($0.digest) } }

  /// Removes an image that nobody uses; `completion` is called when that is durable, or with what is wrong. Its layers go a moment
  /// later.
  func remove(_ image: ImageRecord, completion: @escaping (String?) -> Void) {
    forget(image) { [unowned(unsafe) self] problem, layers in
      if !layers.isEmpty { blobs.ask(.remove(blobs: [], layers: layers)) { _ in } }
      completion(problem)
    }
  }

  /// Deletes an image's record; hands over what is wrong, or the layers that no other image has.
  private func forget(_ image: ImageRecord, completion: @escaping (String?, [[UInt8]]) -> Void) {
    table.delete(image.id) { [unowned(unsafe) self] problem in
      CrashPoint.pass("the deletion of the image's record is durable")
      completion(problem, problem == nil ? inventory.remove(image.id) : [])
    }
  }

  /// Lets the image go that is needed least, and waits until its room is free: who asks looks at once at what there is. False: all
  /// are in use, or they are not enough, and then none goes.
  func makeRoom(lackBytes: UInt64, _ completion: @escaping (Bool) -> Void) {
    let isNeeded = { [self] (image: ImageRecord) in
      let layers = inventory.ownLayers(of: image)
      return isUsed(image) || makings.contains { $0.needs(anyOf: layers) }
    }
    let unneeded = inventory.images.reduce(UInt64(0)) { isNeeded($1) ? $0 : $0 + $1.sizeBytes }
    guard lackBytes <= unneeded, let found = inventory.leastNeeded(isUsed: isNeeded) else { return completion(false) }
    Diagnostics.line("image \(found.name.isEmpty ? "without a name" : found.name): removed, as its room is needed")
    forget(found) { [unowned(unsafe) self] problem, layers in
      if problem != nil || layers.isEmpty { return completion(problem == nil) }
      blobs.ask(.remove(blobs: [], layers: layers)) { _ in completion(true) }
    }
  }
}
