import Crypto
import Foundation
import LinuxSystem
import Microcloud
import TestSupport
import Testing

@testable import NodeSecurity

struct NodeKeyFileTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.file(NodeKeyFile.name) }

  private func load() throws -> P256.PrivateKey { try NodeKeyFile.load(stateDirectory: directory.path) }

  private func write(_ bytes: [UInt8]) throws {
    try Files.remove(path)
    #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes), attributes: [.posixPermissions: 0o600]))
  }

  private func mode() throws -> Int {
    try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  /// The file is refused, its content is still there, and nothing was put beside it.
  private func expectRefused(_ expected: NodeKeyError, content: [UInt8]) throws {
    #expect(throws: expected) { try load() }
    #expect(try Files.read(path) == content)
    #expect(try Files.list(directory.path) == [NodeKeyFile.name])
  }

  @Test func makesAKeyOnce() throws {
    let first = try load()
    #expect(try mode() == 0o600)
    #expect(try Files.list(directory.path) == [NodeKeyFile.name])
    let again = try load()
    #expect(again.publicKey == first.publicKey)
    #expect(again.scalar.bytes == first.scalar.bytes)
    let elsewhere = TemporaryDirectory()
    #expect(try NodeKeyFile.load(stateDirectory: elsewhere.path).publicKey != first.publicKey)
  }

  /// Others can read it, too: a COSE_Key (RFC 9052) in CBOR.
  @Test func writesACOSEKey() throws {
    let key = try load()
    let content = try Files.read(path)
    #expect(content.count == NodeKeyFile.fileBytes)
    guard case .map(let map) = try CBORDecoder.decode(content[...]) else {
      Issue.record("not a map")
      return
    }
    #expect(map.entries.count == 5)
    #expect(map[key: 1] == .unsigned(2) && map[key: -1] == .unsigned(1))
    #expect(map[key: -2] == .bytes(key.publicKey.x) && map[key: -3] == .bytes(key.publicKey.y))
    #expect(map[key: -4] == .bytes(key.scalar.bytes))
  }

  /// Each byte changed, and the file cut at each place.
  @Test func refusesDamage() throws {
    _ = try load()
    let whole = try Files.read(path)
    for index in whole.indices {
      var damaged = whole
      damaged[index] ^= 1 << UInt8(index & 7)
      try write(damaged)
      try expectRefused(.damaged(path: path), content: damaged)
      try write(Array(whole.prefix(index)))
      try expectRefused(.damaged(path: path), content: Array(whole.prefix(index)))
    }
    for longer in [whole + [0], whole + whole, [UInt8](repeating: 0, count: 100_000)] {
      try write(longer)
      #expect(throws: NodeKeyError.damaged(path: path)) { try load() }
    }
    try write(whole)
    #expect(throws: Never.self) { try load() }
  }

  @Test func refusesWhatOthersMayRead() throws {
    _ = try load()
    let whole = try Files.read(path)
    for mode: UInt32 in [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666] {
      try Files.setMode(path, mode)
      try expectRefused(.exposed(path: path), content: whole)
    }
    try Files.setMode(path, 0o400)
    #expect(throws: Never.self) { try load() }
  }

  @Test(.enabled(if: geteuid() == 0, "giving a file away takes root"))
  func refusesAnotherUsersFile() throws {
    _ = try load()
    let whole = try Files.read(path)
    #expect(chown(path, 12345, 0) == 0)
    try expectRefused(.foreign(path: path, user: 12345), content: whole)
  }

  @Test func refusesWhatIsNoFile() throws {
    let elsewhere = directory.file("elsewhere")
    _ = try load()
    #expect(rename(path, elsewhere) == 0)
    #expect(symlink(elsewhere, path) == 0)
    #expect(throws: NodeKeyError.self) { try load() }
    try Files.remove(path)
    #expect(symlink(directory.file("nowhere"), path) == 0)
    #expect(throws: NodeKeyError.self) { try load() }
    #expect(!Files.exists(directory.file("nowhere")))
    try Files.remove(path)
    #expect(mkfifo(path, 0o600) == 0)
    #expect(throws: NodeKeyError.self) { try load() }
    try Files.remove(path)
    try Files.makeDirectory(path)
    #expect(throws: NodeKeyError.self) { try load() }
  }

  /// A first start that was cut off left a draft, which is nobody's key yet.
  @Test func startsAnewAfterADraft() throws {
    #expect(FileManager.default.createFile(atPath: path + ".new", contents: Data([1, 2, 3])))
    let key = try load()
    #expect(try Files.list(directory.path) == [NodeKeyFile.name])
    #expect(try load().publicKey == key.publicKey)
  }

  @Test func doesNotReplaceAFileThatAppears() throws {
    try write([1])
    #expect(throws: SystemError.self) { try Files.createDurably(path, [2], mode: 0o600) }
    #expect(try Files.read(path) == [1])
  }

  @Test func saysWhatToDo() {
    let errors: [NodeKeyError] = [
      .system(SystemError("open", "/x", .noSuchFile)), .notMade(.noRandomness), .foreign(path: "/x", user: 7),
      .exposed(path: "/x"), .damaged(path: "/x"),
    ]
    for error in errors { #expect(error.description.hasPrefix("node key") && !error.description.contains("\n")) }
    #expect(NodeKeyError.damaged(path: "/x").description.contains("remove it"))
    #expect(throws: NodeKeyError.system(SystemError("open", "/nowhere/node.key.new", .noSuchFile))) {
      try NodeKeyFile.load(stateDirectory: "/nowhere")
    }
  }
}
