import EventLoop
import LinuxSystem
import Microcloud

/// One stream of a membership: what is said on it goes out in pieces, as the peer takes them; what comes is read as it
/// comes.
final class GossipStream {
  /// Gives the next piece of what is to be said, nil after the last one.
  typealias Output = () -> [UInt8]?
  /// How long the pieces are, about.
  static let pieceBytes = 8 * 1024

  private let connection: Connection
  private var decoder: GossipStreamDecoder
  private var output: Output?
  private var isAnswer = false
  /// Says whether the stream goes on.
  private var onEvent: ((GossipStreamEvent) -> Bool)?
  private var onEnd: ((GossipError?) -> Void)?

  init(_ connection: Connection, cipher: GossipCipher?) {
    self.connection = connection
    decoder = GossipStreamDecoder(cipher: cipher)
  }

  /// Reads from now on. `onEnd` is called at most once, with the reason if it is what the peer has said.
  func start(
    onEvent: @escaping (GossipStreamEvent) -> Bool, onEnd: @escaping (GossipError?) -> Void
  ) throws(SystemError) {
    self.onEvent = onEvent
    self.onEnd = onEnd
    connection.onRead = { [unowned(unsafe) self] in read($0) }
    connection.onEnd = { [unowned(unsafe) self] error in
      // One who has said all may still be listening.
      if error != nil || !decoder.isAtEnd { end(nil) }
    }
    connection.onDrain = { [unowned(unsafe) self] in write() }
    try connection.startReading()
  }

  /// Says this.
  func say(_ output: @escaping Output) {
    self.output = output
    write()
  }

  /// Says this, and ends when the peer has it.
  func answer(_ output: @escaping Output) {
    isAnswer = true
    say(output)
  }

  /// Ends at once.
  func close() {
    connection.close()
    (onEvent, onEnd, output) = (nil, nil, nil)
  }

  private func write() {
    do throws(SystemError) {
      while let next = output, connection.queuedBytes == 0 {
        if let piece = next() { try connection.write(piece) } else { finishSaying() }
      }
    } catch {
      end(nil)
    }
  }

  private func finishSaying() {
    output = nil
    if isAnswer { connection.finish { [unowned(unsafe) self] in end(nil) } }
  }

  private func read(_ bytes: [UInt8]) {
    var rest = bytes[...]
    do throws(GossipError) {
      while let event = try decoder.next(from: &rest) {
        guard let call = onEvent, call(event) else { return }
      }
    } catch {
      end(error)
    }
  }

  private func end(_ error: GossipError?) {
    let call = onEnd
    onEnd = nil
    call?(error)
  }
}
