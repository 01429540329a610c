import Basics
import Crypto
import Testing

@testable import Microcloud

@Suite struct OSCOREContextsTests {
  private func context(_ number: UInt8) throws -> OSCOREContext {
    try OSCOREPair(1, clientID: [number], serverID: [number, number]).server
  }

  private func option(_ number: UInt8) -> OSCOREOption { OSCOREOption(partialIV: 0, kid: OSCOREIdentifier([number])) }

  @Test func theLeastRecentlyUsedGoesFirst() throws {
    var table = OSCOREContexts(capacity: 3)
    let contexts = try (UInt8(1)...4).map { try context($0) }
    let numbers = contexts[..<3].map { table.insert($0) }
    #expect(numbers == [1, 2, 3])
    table.touch(contexts[0])
    contexts[1].uses = 1
    #expect(table.insert(contexts[3]) == 4)
    #expect(table.count == 3 && table.principal(of: 3) == nil && table.principal(of: 2) == 101, "2 is in use")
    #expect(throws: OSCOREError.contextNotFound) { try table.context(for: option(3)) }
    #expect(try table.context(for: option(4)) === contexts[3])
  }

  @Test func whatIsNeededStays() throws {
    var table = OSCOREContexts(capacity: 2)
    for number in UInt8(1)...2 { _ = table.insert(try context(number)) }
    #expect(table.insert(try context(3), isNeeded: { _ in true }) == nil)
    #expect(table.insert(try context(3), isNeeded: { $0 == 1 }) == 3)
    #expect(table.principal(of: 1) != nil)
  }

  @Test func aRecipientIDHasOneContext() throws {
    var table = OSCOREContexts()
    #expect(table.isFree(OSCOREIdentifier([1])!))
    #expect(table.insert(try context(1)) == 1)
    #expect(table.insert(try context(1)) == nil)
    #expect(!table.isFree(OSCOREIdentifier([1])!))
    table.remove(1)
    #expect(table.isFree(OSCOREIdentifier([1])!))
    #expect(table.insert(try context(1)) == 2, "a number is never had again")
  }

  @Test func aKidContextMustBeTheContexts() throws {
    var table = OSCOREContexts()
    _ = table.insert(try context(1))
    var wrong = option(1)
    wrong.kidContext = [1]
    #expect(throws: OSCOREError.contextNotFound) { try table.context(for: wrong) }
    #expect(throws: OSCOREError.malformedOption) { try table.context(for: OSCOREOption(partialIV: 0)) }
  }

  @Test func theKidContextTellsContextsApart() throws {
    func context(_ idContext: [UInt8]?) throws -> OSCOREContext {
      try OSCOREContext(
        masterSecret: Secret([1]), masterSalt: [], senderID: OSCOREIdentifier([1])!,
        recipientID: OSCOREIdentifier([2])!, idContext: idContext)
    }
    var table = OSCOREContexts()
    let contexts = [try context([7]), try context(nil), try context([8])]
    for context in contexts { #expect(table.insert(context) != nil) }
    #expect(table.insert(try context([8])) == nil)
    for (kidContext, index) in [([7], 0), (nil, 1), ([8], 2)] as [([UInt8]?, Int)] {
      let option = OSCOREOption(partialIV: 0, kidContext: kidContext, kid: OSCOREIdentifier([2]))
      #expect(try table.context(for: option) === contexts[index])
    }
    // Left out, it may be any of those that are there.
    table.remove(2)
    #expect(try table.context(for: option(2)) === contexts[0])
  }

  @Test func schedulesAreBounded() throws {
    var table = OSCOREContexts(capacity: 200)
    var pairs: [OSCOREPair] = []
    for number in UInt8(0)..<200 {
      pairs.append(try OSCOREPair(1, clientID: [number], serverID: [number, 1]))
      _ = table.insert(pairs.last!.server)
    }
    for round in UInt8(0)..<2 {
      for pair in pairs {
        let (request, _) = try pair.client.protect(request: CoAPMessage(.get, "a", payload: [round]))
        table.prepare(pair.server)
        #expect(try pair.server.unprotect(request: request).message.payload == [round])
        table.touch(pair.server)
        #expect(pairs.filter { $0.server.hasSchedules }.count <= OSCOREContexts.maximumSchedules)
      }
    }
    #expect(pairs.suffix(64).allSatisfy { $0.server.hasSchedules }, "those used last")
    for number in UInt64(1)...200 { table.remove(number) }
    #expect(table.count == 0)
  }
}
