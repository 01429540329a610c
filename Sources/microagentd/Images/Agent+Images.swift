import Basics
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// What the agent answers about blobs and images.
extension Agent {
  /// What whoever asks may still bring; nil: as much as it likes, as the owner does. A member has the disk of its leases.
  func imageBytesLeft(for principal: Principal) -> UInt64? {
    if principal.role == .owner { return nil }
    let leases = supervisor.leaseStatuses(now: loop.now).filter { status in
      status.lease.holder == principal.holder && status.lease.phase == .active
    }
    let disk = leases.reduce(UInt64(0)) { $0 + $1.lease.request.size.diskBytes }
    return disk - min(disk, images.inventory.heldBytes(by: principal.holder))
  }

  func answerBlobStatus(_ request: ControlRequest, _ digest: [UInt8]) {
    images.status(digest) { answer in
      guard case .status(let size, let have, let isComplete) = answer else {
        return request.answer(Self.refusal(answer).response(token: request.token))
      }
      var map = CBORMap()
      map[.sizeBytes] = .unsigned(size)
      map[.have] = have.value
      map[.isComplete] = .bool(isComplete)
      request.answer(Responses.content(.map(map), token: request.token))
    }
  }

  func takeBlob(_ request: ControlRequest, _ block: BlobBlock) throws(RequestError) {
    let left = imageBytesLeft(for: request.principal)
    try images.put(block, by: request.principal.holder, leftBytes: left) { answer in
      let code: CoAPCode
      switch answer {
      case .written: code = .continue
      case .complete: code = .created
      default: return request.answer(Self.refusal(answer).response(token: request.token))
      }
      var message = CoAPMessage(code: code, token: request.token)
      // As RFC 7959 has it: which block it is about.
      if let block = block.block { message.options.add(block.option(.block1)) }
      request.answer(message)
    }
  }

  // MARK: Images

  func answerImages(_ request: ControlRequest) {
    let found = images.inventory.images(for: request.principal)
    let values = found.map { $0.value(usedBy: containers(of: $0), isWhole: false) }
    request.answer(Responses.content(.array(values), token: request.token))
  }

  func answerImage(_ request: ControlRequest, _ name: String) throws(RequestError) {
    let image = try need(image: name)
    request.answer(
      Responses.content(image.value(usedBy: containers(of: image), isWhole: true), token: request.token))
  }

  func makeImage(_ request: ControlRequest, _ name: String, _ manifest: [UInt8]) throws(RequestError) {
    CrashPoint.begin(.image)
    if let there = images.inventory.image(named: name), request.principal.role != .owner,
      there.holder != request.principal.holder
    {
      throw RequestError(.conflict, "image \(name): the name is taken: choose another")
    }
    let wish = ImageMaking.Wish(
      name: name, manifest: manifest, holder: request.principal.holder,
      leftBytes: imageBytesLeft(for: request.principal))
    try images.make(wish) { [self] result in
      // Whether its record is on the disk nobody knows: the next agent does.
      if hasLostStore { return }
      switch result {
      case .success(let image): request.answer(Responses.done(request, name: name, notices: image.notices))
      case .failure(let error): request.answer(error.response(token: request.token))
      }
    }
  }

  func removeImage(_ request: ControlRequest, _ name: String) throws(RequestError) {
    CrashPoint.begin(.image)
    let image = try need(image: name)
    if let container = containers(of: image).first {
      throw RequestError(.conflict, "image \(name): container \(container) was made of it: remove that first")
    }
    images.remove(image) { [self] problem in
      if hasLostStore { return }
      guard let problem else { return request.answer(Responses.done(request, name: name)) }
      let error = RequestError(.failed, "image \(name): delete its record: \(problem)")
      request.answer(error.response(token: request.token))
    }
  }

  private func need(image name: String) throws(RequestError) -> ImageRecord {
    guard let image = images.inventory.image(named: name) else { throw Self.notFound(name) }
    return image
  }

  private static func notFound(_ name: String) -> RequestError {
    RequestError(.notFound, "image \(name): there is none of that name here: push it first")
  }

  /// The names of the containers that were made of an image.
  func containers(of image: ImageRecord) -> [String] {
    supervisor.containers.filter { $0.request.manifest == image.manifest }.map { $0.name }
  }

  // MARK: Containers

  /// Refuses a container of an image that is not here, or not for whoever asks.
  func checkImage(of wish: ContainerRequest, for principal: Principal) throws(RequestError) {
    if wish.manifest.isEmpty { return }
    guard let image = images.inventory.image(manifest: wish.manifest, for: principal) else {
      throw Self.notFound(wish.image)
    }
    guard image.firstHostID == 0 || wish.userNamespace && UInt64(image.firstHostID) == configuration.firstUserID else {
      let advice = "its files belong to users from \(image.firstHostID) on, as this kernel cannot map ids"
      throw RequestError(.invalid, "image \(image.name): \(advice): push it again, and run it in a user namespace")
    }
    images.noteUse(of: image)
  }

  /// What a container's root file system is made of, if it is an image's.
  func imageRoot(of wish: ContainerRequest) -> ImageRoot? {
    guard let image = images.inventory.images.first(where: { $0.manifest == wish.manifest }) else { return nil }
    return ImageRoot(layers: images.layers(of: image), idsAreMapped: image.firstHostID != 0)
  }

  /// What a client is told where its blob could not be taken.
  private static func refusal(_ answer: BlobAnswer) -> RequestError {
    switch answer {
    case .noSpace:
      RequestError(.noRoom, "blob: the node's disk is full, and all images on it are in use: remove some")
    case .wrongDigest:
      RequestError(.invalid, "blob: what came has another SHA-256 than it should: it is deleted, send it again")
    case .failed(let line): RequestError(.failed, line)
    default: RequestError(.failed, "blob: the node does not know what became of it: send it again")
    }
  }
}
