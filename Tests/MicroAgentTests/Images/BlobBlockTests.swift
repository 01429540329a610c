import Basics
import Microcloud
import Testing

@testable import MicroAgent

/// A block as it is read from a request.
func blobBlock(
  _ bytes: [UInt8], of size: UInt64?, number: UInt64 = 0, isMore: Bool = false, exponent: UInt8 = 7
) throws(RequestError) -> BlobBlock {
  var message = CoAPMessage(code: .put, payload: bytes)
  message.path = ["blobs", Hexadecimal.text([UInt8](repeating: 3, count: 32))]
  message.options.add(CoAPBlock(number: number, isMore: isMore, exponent: exponent)!.option(.block1))
  if let size { message.options.add(CoAPOption(.size1, size)) }
  guard case .putBlob(let block) = try APIRequest(message) else { preconditionFailure("another request") }
  return block
}

@Suite struct BlobBlockTests {
  private static let kibi = [UInt8](repeating: 1, count: 1024)

  @Test func eachBlockSaysWhereItBelongs() throws {
    let block = try blobBlock(Self.kibi + Self.kibi, of: 10_000, number: 3, isMore: true)
    #expect(block.offset == 3072 && block.bytes.count == 2048 && block.sizeBytes == 10_000)
    let small = try blobBlock([UInt8](repeating: 1, count: 64), of: 1000, number: 2, isMore: true, exponent: 2)
    #expect(small.offset == 128)
    let last = try blobBlock([1, 2, 3], of: 3075, number: 3)
    #expect(last.offset == 3072)
  }

  @Test func whatDoesNotFitIsRefused() {
    #expect(throws: RequestError.self) { try blobBlock(Self.kibi, of: nil) }
    #expect(throws: RequestError.self) { try blobBlock(Self.kibi, of: 0) }
    #expect(throws: RequestError.self) { try blobBlock([], of: 10) }
    #expect(throws: RequestError.self) { try blobBlock(Self.kibi, of: 100) }
    // It ends where it says that more follow, or the other way round.
    #expect(throws: RequestError.self) { try blobBlock(Self.kibi, of: 1024, isMore: true) }
    #expect(throws: RequestError.self) { try blobBlock(Self.kibi, of: 2048) }
    // No whole number of blocks, and not the last.
    #expect(throws: RequestError.self) { try blobBlock([1, 2], of: 2048, isMore: true) }
    #expect(throws: RequestError.self) { try blobBlock(Self.kibi, of: BlobBlock.maximumBlobBytes + 1, isMore: true) }
    #expect(throws: RequestError.self) { try blobBlock(Self.kibi, of: 1 << 29, number: 1 << 20 - 1, isMore: true) }
  }

  @Test func blocksAreForBlobsAlone() throws {
    var message = CoAPMessage(code: .put, payload: [1])
    message.options.add(CoAPBlock(number: 0, isMore: false, exponent: 6)!.option(.block1))
    message.path = ["revocations"]
    #expect(throws: RequestError.self) { try APIRequest(message) }
    message.path = ["blobs", "abc"]
    #expect(throws: RequestError.self) { try APIRequest(message) }
  }

  @Test(arguments: [
    "alpine:3.20", "guifi/dns:latest", "a:b", "localhost:5000/a/b:V1.0-x", "registry.example.org/x_y:_",
  ])
  func namesOfImages(_ name: String) { #expect(ImageName.isValid(name)) }

  @Test(arguments: ["", "a", ":a", "a:", "A:b", "a//b:c", "/a:b", "a b:c", "a:b:c", "../a:b", ".a:b", "a:\u{1b}"])
  func whatNamesNoImage(_ name: String) { #expect(!ImageName.isValid(name)) }

  @Test func aNameWithoutATagIsTheLatest() {
    #expect(ImageName.complete("alpine") == "alpine:latest")
    #expect(ImageName.complete("alpine:3") == "alpine:3")
    #expect(ImageName.complete("host:5000/alpine") == "host:5000/alpine:latest")
  }
}
