// A program for tests: runs a Serf membership and multicast DNS on real sockets, EDHOC and credentials on none, as it is
// told.
//
//   microcloud-driver [mdns] [without PREFIX] [edhoc] [serf NAME ADDRESS:PORT [PROFILE [KEY]]]
//
// PROFILE is lan, wan or local. Interfaces whose names begin with PREFIX are left out of multicast DNS. Commands come
// line by line on standard input (the files beside this one say which), and what happens goes to standard output, one
// JSON object a line. It ends with its input, without a word to its peers.
import Basics
import CSystem
import EventLoop
import LinuxSystem
import Microcloud

/// Writes one line. When nobody reads any more, that is the end.
func say(_ what: String, _ fields: [(String, CBORValue)] = []) {
  var map = CBORMap()
  for (key, value) in [("what", CBORValue.text(what))] + fields { map[text: key] = value }
  let bytes = Array((CBORJSON.encode(.map(map)) { _ in nil } + "\n").utf8)
  var rest = bytes[...]
  while !rest.isEmpty {
    let written = rest.withUnsafeBytes { system_write(1, $0.baseAddress, $0.count) }
    if written < 0 { exit(1) }
    rest = rest.dropFirst(written)
  }
}

/// What is said of a command that nobody understands, or that cannot be carried out.
func complain(_ text: String) {
  say("error", [("text", .text(text))])
}

private final class Driver {
  private let loop: EventLoop
  private let serf: SerfSide?
  private let mdns: MDNSSide?
  private let edhoc: EDHOCSide?
  private var input: DescriptorWatcher?
  private var line: [UInt8] = []

  init(_ words: [String]) throws(SystemError) {
    loop = try EventLoop()
    let serfWords = words.firstIndex(of: "serf").map { Array(words[($0 + 1)...]) }
    serf = if let serfWords { try SerfSide(on: loop, serfWords) } else { nil }
    let excluded = words.firstIndex(of: "without").map { words[$0 + 1] }
    mdns = words.contains("mdns") ? try MDNSSide(on: loop, without: excluded) : nil
    edhoc = words.contains("edhoc") ? EDHOCSide() : nil
    input = try DescriptorWatcher(on: loop, borrowing: 0) { [unowned(unsafe) self] _ in read() }
    try input?.start(.readable)
  }

  func run() {
    say("ready")
    loop.run()
  }

  private func read() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { system_read(0, $0.baseAddress, $0.count) }
    if count <= 0 { return loop.stop() }
    for byte in buffer.prefix(count) {
      if byte != ASCII.newline {
        line.append(byte)
        continue
      }
      obey(ASCII.words(line[...]).map { ASCII.string($0) })
      line = []
    }
  }

  private func obey(_ words: [String]) {
    guard let verb = words.first else { return }
    let arguments = Array(words.dropFirst())
    let isKnown =
      serf?.obey(verb, arguments) ?? false || mdns?.obey(verb, arguments) ?? false
      || edhoc?.obey(verb, arguments) ?? false || CredentialSide.obey(verb, arguments)
      || EDHOCCosts.obey(verb, arguments)
    if !isKnown { complain("not understood: \(verb)") }
  }
}

// Where the program starts: SwiftPM tells the linker that `main` is `<module>_main`, on the host and on boards alike.
@_cdecl("microcloud_driver_main")
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  let words = (1..<max(1, Int(count))).compactMap { arguments[$0].map { String(cString: $0) } }
  do throws(SystemError) {
    try Driver(words).run()
    return 0
  } catch {
    complain("\(error)")
    return 1
  }
}
