import Basics
import EventLoop
import LinuxSystem
import Microcloud
import NodeSecurity
import Transport

/// The driver's Serf membership. Its commands:
///
///   join ADDRESS:PORT...       tags KEY=VALUE...      leave        members      rtt NAME
///   event NAME [PAYLOAD]       query NAME [PAYLOAD]   answer TEXT: what queries from now on are answered
///   keys list|install|use|remove [KEY]
///
/// Keys are hexadecimal.
final class SerfSide {
  private let transport: GossipTransport
  private var answer: String?

  /// `NAME ADDRESS:PORT [PROFILE [KEY]]`
  init(on loop: EventLoop, _ words: [String]) throws(SystemError) {
    guard words.count >= 2, let address = SocketAddress(words[1]) else {
      throw SystemError("read", "the command line", .invalidArgument)
    }
    let profile: MembershipProfile =
      switch words.dropFirst(2).first {
      case "wan": .wan
      case "local": .local
      default: .lan
      }
    var random = SystemRandomNumberGenerator()
    let keyring = words.count > 3 ? Keyring(keys: [Self.bytes(words[3])]) : nil
    let membership = SerfMembership(
      name: NodeName(words[0].utf8), address: address, tags: [:], profile: profile, keyring: keyring,
      seed: random.next(), now: loop.now)
    transport = try GossipTransport(
      on: loop, membership: membership, boundTo: address, cipher: keyring.flatMap { Self.cipher($0) })
    transport.onNews = { [unowned(unsafe) self] in tell($0) }
    transport.onRefusal = { error, source in
      say("refused", [("text", .text("\(error)")), ("from", source.map { .text("\($0)") } ?? .null)])
    }
  }

  func obey(_ verb: String, _ words: [String]) -> Bool {
    switch verb {
    case "join":
      let addresses = words.compactMap { SocketAddress($0) }
      transport.perform { $0.join(addresses, now: $1) }
    case "tags":
      var tags: Tags = [:]
      for word in words {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        tags[String(parts[0])] = parts.count == 2 ? String(parts[1]) : ""
      }
      transport.perform { $0.update(tags: tags, now: $1) }
    case "event":
      guard let name = words.first else { return false }
      let payload = Array((words.count > 1 ? words[1] : "").utf8)
      transport.perform { $0.sendEvent(name, payload: payload, now: $1) }
    case "query":
      guard let name = words.first else { return false }
      ask(name, payload: Array((words.count > 1 ? words[1] : "").utf8))
    case "answer": answer = words.first
    case "leave": transport.perform { $0.leave(now: $1) }
    case "members": say("members", [("members", .array(members))])
    case "rtt":
      guard let name = words.first else { return false }
      let time = transport.state.estimatedRoundTripMicroseconds(to: NodeName(name.utf8))
      say("rtt", [("microseconds", time.map { .unsigned(UInt64($0)) } ?? .null)])
    case "keys":
      guard let command = keyCommand(words) else { return false }
      transport.perform { $0.manageKeys(command, now: $1)?.effects ?? [] }
    default: return false
    }
    return true
  }

  private func ask(_ name: String, payload: [UInt8]) {
    var id: UInt32?
    transport.perform {
      guard let asked = $0.ask(name, payload: payload, wantsAcknowledgement: true, now: $1) else { return [] }
      id = asked.id
      return asked.effects
    }
    say("asked", [("id", id.map { .unsigned(UInt64($0)) } ?? .null)])
  }

  private static func bytes(_ digits: String) -> [UInt8] {
    let digits = Array(digits.utf8)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
      UInt8(ASCII.string(digits[$0..<($0 + 2)]), radix: 16)
    }
  }

  private static func cipher(_ keyring: Keyring) -> GossipCipher? {
    GossipCipher(keys: keyring.keys, aead: GossipAESGCM())
  }

  private func keyCommand(_ words: [String]) -> KeyCommand? {
    let key = words.count == 2 ? Self.bytes(words[1]) : []
    switch words.first {
    case "list": return .list
    case "install": return .install(key)
    case "use": return .use(key)
    case "remove": return .remove(key)
    default: return nil
    }
  }

  private var members: [CBORValue] {
    let state = transport.state
    return state.membership.nodes.map { node in
      var member = CBORMap()
      member[text: "name"] = .text(node.name.description)
      member[text: "address"] = .text("\(node.address)")
      member[text: "status"] = .text(text(state.status(of: node.name)))
      var tags = CBORMap()
      do throws(MessagePackError) {
        for tag in try Tags(meta: node.meta).entries { tags[text: tag.name] = .text(tag.value) }
      } catch {}
      member[text: "tags"] = .map(tags)
      return .map(member)
    }
  }

  private func text(_ status: MemberRecord.Status?) -> String {
    switch status {
    case .alive: "alive"
    case .leaving: "leaving"
    case .left: "left"
    case .failed: "failed"
    case .unknown, nil: "unknown"
    }
  }

  private func tell(_ news: SerfEffect) {
    switch news {
    case .member(let name, let change):
      say("member", [("name", .text("\(name)")), ("change", .text(text(change)))])
    case .joined(let address, let isSuccess):
      say("joined", [("address", .text("\(address)")), ("success", .bool(isSuccess))])
    case .userEvent(let event):
      say("event", [("name", .text(event.name)), ("payload", .text(ASCII.string(event.payload)))])
    case .query(let query):
      say("query", [("name", .text(query.name)), ("payload", .text(ASCII.string(query.payload)))])
      guard let answer else { return }
      transport.perform { membership, _ in membership.respond(to: query, payload: Array(answer.utf8)) }
    case .queryResponse(let response):
      say(
        response.isAcknowledgement ? "acknowledged" : "answered",
        [
          ("id", .unsigned(UInt64(response.id))), ("from", .text("\(response.from)")),
          ("payload", .text(ASCII.string(response.payload))),
        ])
    case .queryEnded(let id): say("ended", [("id", .unsigned(UInt64(id)))])
    case .conflict(let name, let known, let other):
      say("conflict", [("name", .text("\(name)")), ("known", .text("\(known)")), ("other", .text("\(other)"))])
    case .hasLeft: say("left")
    case .keyringChanged(let keyring): transport.setCipher(Self.cipher(keyring))
    case .keysAnswered(_, let report):
      say(
        "keys",
        [
          ("members", .unsigned(UInt64(report.memberCount))), ("responses", .unsigned(UInt64(report.responseCount))),
          ("refusals", .unsigned(UInt64(report.refusalCount))),
          ("keys", .array(report.keys.map { .text($0.key) })),
        ])
    default: break
    }
  }

  private func text(_ change: SerfMemberChange) -> String {
    switch change {
    case .joined: "joined"
    case .updated: "updated"
    case .failed: "failed"
    case .left: "left"
    case .reaped: "reaped"
    }
  }
}
