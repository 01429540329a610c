import Crypto
import NodeSecurity

/// The keys that nodes had when we first talked to them, in `known-nodes` beside our own key: a line each, the node and
/// its key's fingerprint. What gossip and addresses say is a hint; whoever has another key is not who we talked to.
enum KnownNodes {
  private static let name = "known-nodes"

  /// Refuses a node whose key is another one than before; one that is new is remembered.
  static func check(_ key: P256.PublicKey, of node: RemoteNode) throws(Failure) {
    guard let print = try? KeyFingerprint(of: key) else { throw Failure(.refused, "node \(node.name): out of memory") }
    if let told = node.fingerprint, told != print.short {
      let line = "its key is \(print.short), and gossip says \(told): somebody else answers at its address"
      throw Failure(.refused, "node \(node.name): \(line)")
    }
    let path = try OwnFiles.directory() + "/" + name
    let text = try OwnFiles.read(path) ?? []
    guard let known = fingerprint(of: node.name, in: text) else { return try remember(node, print, after: text, path) }
    if known == print.description { return }
    let advice = "if it was flashed anew, remove its line from \(path)"
    throw Failure(.refused, "node \(node.name): its key is not the one that it had: \(advice)")
  }

  private static func remember(
    _ node: RemoteNode, _ print: KeyFingerprint, after text: [UInt8], _ path: String
  ) throws(Failure) {
    try OwnFiles.replace(path, text + Array("\(node.name) \(print)\n".utf8))
    Output.complain("node \(node.name): seen for the first time, its key is remembered: \(print)")
  }

  private static func fingerprint(of node: String, in text: [UInt8]) -> String? {
    for line in text.split(separator: UInt8(ascii: "\n")) {
      let words = line.split(separator: UInt8(ascii: " "))
      if words.count == 2, words[0].elementsEqual(node.utf8) { return String(decoding: words[1], as: UTF8.self) }
    }
    return nil
  }
}
