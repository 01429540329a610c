// sources: Sources/Basics Sources/Microcloud Sources/MicroAgent Sources/Netlink Sources/Crypto
// C: Sources/CSystem/random.c -lmbedcrypto
// The first message of a stream of CoAP is a request that holds what it promises and is the same when written and read
// again; or it is refused with an answer that can be sent.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAPIRequest(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var stream = Array(UnsafeBufferPointer(start: start, count: count))[...]
  var decoder = CoAPStreamDecoder()
  guard let message = try? decoder.next(from: &stream), message.code.isRequest else { return 0 }
  do throws(RequestError) {
    switch try APIRequest(message) {
    case .run(let request), .plan(let request): check(request)
    case .publish(let publication): check(publication)
    case .search, .inspect, .remove, .start, .pause, .resume, .stop, .kill, .top, .logs, .unpublish, .searchNode: break
    case .inspectExec: break
    case .update(_, let change): precondition((try? ContainerChange(again(change.value))) == change, "another change")
    case .exec(_, _, let request): precondition((try? ExecRequest(again(request.value))) == request, "another exec")
    case .attend(_, _, .input(let piece)):
      precondition(piece.bytes.count <= InputQueue.mostBytes, "a piece that is too long")
      var queue = InputQueue()
      try? queue.accept(piece)
      precondition(queue.waiting.count == (piece.offset == 0 ? piece.bytes.count : 0), "another piece")
    case .attend: break
    case .list, .usage, .metrics, .info, .nodes, .publications: break
    case .lease(let request): check(request)
    case .changeLease(_, let change): check(change)
    case .offer, .leases, .inspectLease, .releaseLease, .drain, .revocations, .events, .settings: break
    case .changeSettings(let change): check(change)
    case .owner, .own, .disown, .openClaim, .closeClaim, .audit, .resets: break
    case .blob(let digest): precondition(digest.count == SHA256.digestBytes, "a digest of another length")
    case .putBlob(let block): check(block)
    case .images, .inspectImage, .removeImage: break
    case .makeImage(let name, let manifest):
      precondition(ImageName.isValid(name) && manifest.count == SHA256.digestBytes, "a wrong image is taken")
    // Whether it is a list, and whose, is found out by who knows the microcloud's key.
    case .revoke(let list): precondition(list == message.payload, "another list")
    }
  } catch {
    let answer = error.response(token: message.token)
    precondition((try? CoAPStreamEncoder.encode(answer)) != nil, "a refusal that cannot be sent")
  }
  return 0
}

private func check(_ request: ContainerRequest) {
  precondition(request.problem == nil, "a wrong request is taken")
  precondition((try? ContainerRequest(again(request.value))) == request, "another request after a round trip")
}

private func check(_ publication: Publication) {
  precondition(publication.problem == nil, "a wrong publication is taken")
  precondition((try? Publication(again(publication.value))) == publication, "another one after a round trip")
  let text = "\(publication.name):\(publication.description)"
  precondition((try? Publication(text: text)) == publication, "another one by its text")
}

private func check(_ block: BlobBlock) {
  precondition(!block.bytes.isEmpty && block.sizeBytes <= BlobBlock.maximumBlobBytes, "a wrong size is taken")
  precondition(block.offset + UInt64(block.bytes.count) <= block.sizeBytes, "a block beyond the blob's end is taken")
}

private func check(_ request: LeaseRequest) {
  precondition(request.problem == nil, "a wrong request for a lease is taken")
  precondition((try? LeaseRequest(again(request.value))) == request, "another one after a round trip")
  let ten = (0..<10).reduce(Resources()) { sum, _ in sum + request.size }
  precondition(ten.memoryBytes == request.size.memoryBytes * 10, "a size that cannot be summed")
}

private func check(_ change: SettingsChange) {
  var settings = GivenSettings(over: Configuration(), kept: nil)
  let before = settings
  do throws(RequestError) {
    _ = try settings.change(change)
    let kept = GivenSettings(over: Configuration(), kept: settings.kept)
    precondition(kept.value[.settings] == settings.value[.settings], "what is kept is something else")
  } catch {
    precondition(settings == before, "a refusal that changes something")
  }
}

private func check(_ change: LeaseChange) {
  precondition(change.problem == nil, "a wrong change is taken")
  precondition((try? LeaseChange(again(change.value))) == change, "another one after a round trip")
}

private func again(_ value: CBORValue) -> CBORValue {
  guard let decoded = try? CBORDecoder.decode(value.encoded) else {
    preconditionFailure("what we encode does not decode")
  }
  return decoded
}
