import CSystem
import Testing

@testable import LinuxSystem

@Suite struct MessageSocketTests {
  @Test func keepsMessagesApartAndCarriesDescriptors() throws {
    let (left, right) = try MessageSocket.pair()
    let sender = MessageSocket(FileDescriptor(owning: left))
    let receiver = MessageSocket(FileDescriptor(owning: right))
    let pipe = try FileDescriptor.pipe(nonblocking: true)
    try sender.send([1, 2, 3], descriptors: [pipe.reading.rawValue])
    try sender.send([4])

    let first = try #require(try receiver.receive(limitBytes: 16, wait: true))
    #expect(first.bytes == [1, 2, 3])
    #expect(first.descriptors.count == 1)
    let copy = FileDescriptor(owning: first.descriptors[0])
    var byte: UInt8 = 9
    #expect(system_write(pipe.writing.rawValue, &byte, 1) == 1)
    byte = 0
    #expect(system_read(copy.rawValue, &byte, 1) == 1)
    #expect(byte == 9)

    #expect(try receiver.receive(limitBytes: 16, wait: true)?.bytes == [4])
    #expect(try receiver.receive(limitBytes: 16, wait: false) == nil)
  }

  @Test func anEmptyMessageMeansThatThePeerIsGone() throws {
    let (left, right) = try MessageSocket.pair()
    let receiver = MessageSocket(FileDescriptor(owning: right))
    _ = FileDescriptor(owning: left)
    #expect(try receiver.receive(limitBytes: 16, wait: true)?.bytes == [])
  }

  @Test func whatWasSentBeforeTheEndIsThere() throws {
    let (left, right) = try MessageSocket.pair()
    let sender = MessageSocket(FileDescriptor(owning: left))
    let receiver = MessageSocket(FileDescriptor(owning: right))
    #expect(receiver.nextMessageBytes() == nil)
    try sender.send([1, 2, 3])
    try sender.send([4])
    sender.endSending()
    receiver.wait(orRoom: false)
    #expect(receiver.nextMessageBytes() == 3 && receiver.nextMessageBytes() == 3, "it is not taken")
    #expect(try receiver.receive(limitBytes: 3, wait: false)?.bytes == [1, 2, 3])
    #expect(receiver.nextMessageBytes() == 1)
    #expect(try receiver.receive(limitBytes: 1, wait: false)?.bytes == [4])
    #expect(receiver.nextMessageBytes() == 0)
    #expect(try receiver.receive(limitBytes: 1, wait: false)?.bytes == [])
    try receiver.send([5])
    #expect(try sender.receive(limitBytes: 1, wait: true)?.bytes == [5], "the other way is open")
  }
}
