import Basics
import EventLoop
import LinuxSystem
import Microcloud
import Transport

/// The driver's Serf membership. Its commands:
///
///   join ADDRESS:PORT...       tags KEY=VALUE...      leave        members      rtt NAME
///   event NAME [PAYLOAD]       query NAME [PAYLOAD]   answer TEXT: what queries from now on are answered
final class SerfSide {
  private let transport: GossipTransport
  private var answer: String?

  /// `NAME ADDRESS:PORT [PROFILE]`
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
    let membership = SerfMembership(
      name: NodeName(words[0].utf8), address: address, tags: [:], profile: profile, seed: random.next(), now: loop.now)
    transport = try GossipTransport(on: loop, membership: membership, boundTo: address)
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
