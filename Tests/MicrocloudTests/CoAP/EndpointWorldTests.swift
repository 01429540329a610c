import Basics
import TestSupport
import Testing

@testable import Microcloud

/// Two clients and a server on a bad network.
struct CoAPEndpointWorldTests {
  private struct Tally {
    var answered = 0
    var lost = 0
  }

  /// Each request is answered exactly once or reported lost, none is carried out twice, nothing is left.
  private func life(seed: UInt64, isProtected: Bool) throws -> Tally {
    let world = CoAPWorld(3, seed: seed)
    if isProtected {
      for client in 0...1 { try world.share(client, 2) }
    }
    world.lost = 30
    world.doubled = 30
    world.latencyMilliseconds = 1...1500
    var runs: [String: Int] = [:]
    let server = world.nodes[2]
    server.onRequest = { message, handle in
      #expect((handle.protection != nil) == isProtected, "seed \(seed)")
      let name = "\(handle.source) \(message.query)"
      runs[name, default: 0] += 1
      var response = CoAPMessage(code: .content, payload: Array(message.query[0].utf8))
      if world.random.oneIn(3) { response.code = .changed }
      let answer = { world.act(2) { $0.respond(response, to: handle, now: world.now) } }
      if world.random.oneIn(2) { answer() } else { world.after(milliseconds: world.random.below(UInt64(4000)), answer) }
    }
    var asked: [(client: Int, id: CoAPExchangeID, name: String)] = []
    for number in 0..<30 {
      let client = number % 2
      world.after(milliseconds: world.random.below(UInt64(60_000))) {
        var message = CoAPMessage(world.random.oneIn(2) ? .get : .post, "x")
        message.query = ["\(number)"]
        let isConfirmable = !world.random.oneIn(4)
        guard let id = try? world.request(client, to: 2, message, isConfirmable: isConfirmable) else { return }
        asked.append((client, id, "\(number)"))
      }
    }
    world.run(milliseconds: 600_000)

    var tally = Tally()
    #expect(asked.count == 30)
    for (client, id, name) in asked {
      let responses = world.nodes[client].responses[id] ?? []
      let ends = world.nodes[client].ends[id] ?? []
      #expect(responses.count + ends.count == 1, "seed \(seed): request \(name)")
      if let response = responses.first {
        #expect(response.payload == Array(name.utf8), "seed \(seed)")
        tally.answered += 1
      } else {
        tally.lost += 1
      }
    }
    #expect(runs.values.allSatisfy { $0 == 1 }, "seed \(seed): \(runs)")
    for node in world.nodes {
      #expect(node.endpoint.deliveries.isEmpty && node.endpoint.exchanges.isEmpty, "seed \(seed)")
      #expect(node.endpoint.pendingAcknowledgements.isEmpty && node.secure.nextDeadline == nil, "seed \(seed)")
      #expect(node.secure.exchanges.isEmpty, "seed \(seed)")
    }
    return tally
  }

  @Test(arguments: [false, true])
  func eachRequestIsAnsweredOnceOrReportedLost(isProtected: Bool) throws {
    var total = Tally()
    for seed: UInt64 in 1...60 {
      let tally = try life(seed: seed, isProtected: isProtected)
      total.answered += tally.answered
      total.lost += tally.lost
    }
    // Of those that are not confirmable a half comes through; of the others some wait too long for their turn.
    #expect(total.answered > total.lost * 3, "\(total)")
  }

  /// On a good network with retransmission too early for its latency: copies of everything, still everything once.
  @Test func slowNetworkDoublesNothing() throws {
    let world = CoAPWorld(3, seed: 7)
    world.latencyMilliseconds = 2900...3100
    var runs = 0
    world.nodes[2].onRequest = { _, handle in
      runs += 1
      world.act(2) { $0.respond(CoAPMessage(code: .content, payload: [1]), to: handle, now: world.now) }
    }
    let id = try world.request(0, to: 2, CoAPMessage(.get, "x"))
    world.run(milliseconds: 100_000)
    #expect(runs == 1)
    #expect(world.nodes[0].responses[id]?.count == 1)
    #expect(world.sent.filter { $0.from == 0 }.count >= 2, "it was sent again")
  }
}
