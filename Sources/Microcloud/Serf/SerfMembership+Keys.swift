import Basics

// The cluster's keys: changed by queries that every member answers.
extension SerfMembership {
  /// Asks all members, ourselves too, to do something with their keyrings. What came of it is the effect `keysAnswered`,
  /// when all have answered or the time is up. Nil if too many queries are open.
  public mutating func manageKeys(
    _ command: KeyCommand, timeoutMilliseconds: UInt64? = nil, now: Instant
  ) -> (id: UInt32, effects: [SerfEffect])? {
    let (queryName, payload) = command.query
    let purpose = OpenQuery.Purpose.keys(KeyReport(memberCount: membership.presentCount))
    let id = open(queryName, payload: payload, purpose: purpose, timeoutMilliseconds: timeoutMilliseconds, now: now)
    return id.map { (id: $0, effects: takeEffects()) }
  }

  /// Does what a query asks for. An error is text for a person, who reads it at another member.
  mutating func perform(_ command: KeyCommand) -> SerfMessage.KeyResponse {
    guard var ring = keyring else { return .refusal("this member has no keyring: encryption is off") }
    if case .list = command {
      return SerfMessage.KeyResponse(
        isSuccess: true, message: "", keys: ring.keys.map { Self.text(of: $0) },
        primaryKey: Self.text(of: ring.primary))
    }
    guard acceptsKeyChanges else { return .refusal("this member is set to keep its keys") }
    do throws(KeyringError) {
      switch command {
      case .install(let key): try ring.install(key)
      case .use(let key): try ring.use(key)
      case .remove(let key): try ring.remove(key)
      case .list: break
      }
    } catch {
      return .refusal(error.description)
    }
    if ring != keyring {
      keyring = ring
      effects.append(.keyringChanged(ring))
    }
    return SerfMessage.KeyResponse(isSuccess: true, message: "")
  }

  private static func text(of key: [UInt8]) -> String {
    String(decoding: Base64.encoded(key), as: UTF8.self)
  }
}

extension SerfMessage.KeyResponse {
  fileprivate static func refusal(_ message: String) -> SerfMessage.KeyResponse {
    SerfMessage.KeyResponse(isSuccess: false, message: message)
  }
}
