import Crypto

@testable import Microcloud

/// Two ends of one security context.
struct OSCOREPair {
  let client: OSCOREContext
  let server: OSCOREContext

  init(_ number: UInt8 = 0, clientID: [UInt8] = [1], serverID: [UInt8] = [2]) throws {
    let (client, server) = (OSCOREIdentifier(clientID[...])!, OSCOREIdentifier(serverID[...])!)
    func context(_ ours: OSCOREIdentifier, _ theirs: OSCOREIdentifier) throws -> OSCOREContext {
      try OSCOREContext(
        masterSecret: Secret([UInt8](repeating: number, count: 16)), masterSalt: [number], senderID: ours,
        recipientID: theirs, principal: UInt32(number) + 100)
    }
    self.client = try context(client, server)
    self.server = try context(server, client)
  }
}

extension OSCOREContext {
  /// As `OSCOREContexts` does it.
  func unprotect(request message: CoAPMessage) throws(OSCOREError) -> (message: CoAPMessage, partialIV: UInt64) {
    try unprotect(request: message, try OSCOREOption(message.options[.oscore]?.value ?? []))
  }
}
