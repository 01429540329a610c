import Crypto
import MicroAgent
import Microcloud
import NodeSecurity
import Testing

@testable import microagentd

/// Every way to be admitted, and to be refused.
@Suite struct AuthorityTests {
  private let owner = try! P256.PrivateKey.generate()
  private let microcloud = try! P256.PrivateKey.generate()
  private let person = try! P256.PrivateKey.generate()
  private let now: UInt64 = 1_800_000_000

  private func authority(_ change: (inout NodeSettings) -> Void = { _ in }) -> Authority {
    var settings = NodeSettings()
    settings.owner = owner.publicKey
    settings.microcloudKey = microcloud.publicKey
    settings.microcloudName = "gracia"
    change(&settings)
    return Authority(settings)
  }

  private func token(
    _ name: String = "gracia", _ role: Credential.Role = .member, issued: UInt64? = nil, expires: UInt64? = nil,
    serial: UInt64 = 7, by key: P256.PrivateKey? = nil
  ) throws -> AuthenticationCredential {
    let credential = try #require(
      Credential(
        microcloud: name, subject: person.publicKey, role: role, issued: issued ?? now - 10,
        expires: expires ?? now + 10, serial: serial))
    return try #require(AuthenticationCredential(token: credential.signed(by: key ?? microcloud)))
  }

  private func list(
    _ serials: [UInt64], sequence: UInt64 = 1, _ name: String = "gracia", issued: UInt64? = nil,
    by key: P256.PrivateKey? = nil
  ) throws -> [UInt8] {
    let list = RevocationList(microcloud: name, sequence: sequence, issued: issued ?? now, serials: serials)
    return try #require(list).signed(by: key ?? microcloud)
  }

  private func refusal(
    of shown: AuthenticationCredential, by authority: Authority, clock: UInt64? = nil
  ) -> Authority.Refusal? {
    var authority = authority
    do throws(Authority.Refusal) {
      _ = try authority.admit(shown, clockSeconds: clock ?? now)
      return nil
    } catch {
      return error
    }
  }

  @Test func theOwnersKeyIsEnough() throws {
    var authority = authority()
    let admission = try authority.admit(AuthenticationCredential(of: owner.publicKey), clockSeconds: 0)
    #expect(admission.principal.role == .owner && admission.credential == nil)
    #expect(authority.refusal(of: admission, clockSeconds: .max) == nil)
  }

  @Test(arguments: [(Credential.Role.owner, Principal.Role.owner), (.member, .member)])
  func whomTheMicrocloudNamesIsWhatItSays(_ said: Credential.Role, _ role: Principal.Role) throws {
    var authority = authority()
    let admission = try authority.admit(token("gracia", said), clockSeconds: now)
    #expect(
      admission.principal == Principal(thumbprint: try KeyFingerprint(of: person.publicKey).thumbprint, role: role))
    #expect(authority.latestIssued == now - 10)
  }

  @Test func strangersAreNobody() throws {
    let bare = AuthenticationCredential(of: person.publicKey)
    #expect(refusal(of: bare, by: authority()) == .unknownKey)
    #expect(refusal(of: bare, by: Authority(NodeSettings())) == .unknownKey)
    // Nobody can look at what it shows.
    #expect(refusal(of: try token(), by: authority { $0.microcloudKey = nil }) == .unknownKey)
    // Neither is the microcloud's own key one of a person.
    #expect(refusal(of: AuthenticationCredential(of: microcloud.publicKey), by: authority()) == .unknownKey)
  }

  @Test func onlyTheMicrocloudsKeySigns() throws {
    for forger in [person, owner] {
      #expect(refusal(of: try token(by: forger), by: authority()) == .credential(.notSigned))
    }
    let signedList = try #require(
      AuthenticationCredential(
        token: COSESign1.signing(AuthenticationCredential(of: person.publicKey).encoded, by: microcloud).value.encoded))
    #expect(refusal(of: signedList, by: authority()) == .credential(.malformed))
  }

  @Test func anotherMicrocloudsCredentialIsNoneHere() throws {
    #expect(refusal(of: try token("raval"), by: authority()) == .otherMicrocloud)
    #expect(refusal(of: try token("raval"), by: authority { $0.microcloudName = nil }) == nil)
  }

  @Test func whatHasExpiredCountsNoMore() throws {
    var authority = authority()
    #expect(refusal(of: try token(expires: now), by: authority) == .expired)
    #expect(refusal(of: try token(expires: now + 1), by: authority) == nil)
    // And while it is used.
    let admission = try authority.admit(token(expires: now + 5), clockSeconds: now)
    #expect(authority.refusal(of: admission, clockSeconds: now + 4) == nil)
    #expect(authority.refusal(of: admission, clockSeconds: now + 5) == .expired)
  }

  /// A board whose clock shows 1970 knows the time from what was signed.
  @Test func withoutAClockTimeIsWhatWasSignedLast() throws {
    var authority = authority()
    let old = try token(issued: now - 100, expires: now - 50)
    #expect(refusal(of: old, by: authority, clock: 0) == nil)
    _ = try authority.admit(token(issued: now - 50), clockSeconds: 0)
    #expect(refusal(of: old, by: authority, clock: 0) == .expired)
    // What others signed says nothing about the time.
    var other = self.authority()
    _ = try? other.admit(token(issued: now, by: person), clockSeconds: 0)
    _ = try? other.admit(token("raval", issued: now), clockSeconds: 0)
    #expect(other.latestIssued == 0)
    _ = try other.take(revocations: list([], issued: now - 40))
    #expect(refusal(of: old, by: other, clock: 0) == .expired)
  }

  @Test func whatIsRevokedCountsNoMore() throws {
    var authority = authority()
    let admission = try authority.admit(token(), clockSeconds: now)
    #expect(try authority.take(revocations: list([3, 7])))
    #expect(refusal(of: try token(), by: authority) == .revoked)
    #expect(refusal(of: try token(serial: 8), by: authority) == nil)
    #expect(authority.refusal(of: admission, clockSeconds: now) == .revoked)
    // The owner's own key is no credential.
    #expect(refusal(of: AuthenticationCredential(of: owner.publicKey), by: authority) == nil)
  }

  @Test func theNewestListCounts() throws {
    var authority = authority()
    #expect(try authority.take(revocations: list([7], sequence: 2)))
    #expect(try !authority.take(revocations: list([7], sequence: 2)))
    for older in [try list([], sequence: 1), try list([], sequence: 2)] {
      #expect(
        told { () throws(RequestError) in _ = try authority.take(revocations: older) }?.contains(
          "give a list with a higher one") == true)
    }
    #expect(refusal(of: try token(), by: authority) == .revoked)
    #expect(try authority.take(revocations: list([], sequence: 3)))
    #expect(refusal(of: try token(), by: authority) == nil)
  }

  @Test func listsOfOthersAreRefused() throws {
    var authority = authority()
    for (bytes, line) in [
      (try list([7], by: owner), "not signed with this microcloud's key"),
      (try list([7], "raval"), "another microcloud"),
      (try token().encoded, "not signed"), ([0x80], "damaged"), ([], "damaged"),
    ] {
      let found = told { () throws(RequestError) in _ = try authority.take(revocations: bytes) }
      #expect(found?.contains(line) == true, "\(found ?? "")")
    }
    #expect(authority.revocations == nil)
    var keyless = self.authority { $0.microcloudKey = nil }
    let found = told { () throws(RequestError) in _ = try keyless.take(revocations: try! list([7])) }
    #expect(found?.contains("no microcloud-key") == true)
  }

  @Test func whatIsKeptOutlivesARestart() throws {
    var before = authority()
    _ = try before.take(revocations: list([7]))
    var after = authority()
    after.restore(revocations: before.revocations?.encoded, time: before.keptTime)
    #expect(refusal(of: try token(), by: after) == .revoked)
    #expect(after.latestIssued == now)
    // Another key is another microcloud.
    var anew = authority { $0.microcloudKey = owner.publicKey }
    anew.restore(revocations: before.revocations?.encoded, time: before.keptTime)
    #expect(anew.revocations == nil && anew.latestIssued == 0)
    for junk in [[], [0xFF], [0x82, 0x40, 0x61, 0x61]] as [[UInt8]] { anew.restore(revocations: junk, time: junk) }
    #expect(anew.revocations == nil && anew.latestIssued == 0)
  }

  private func told(_ body: () throws(RequestError) -> Void) -> String? {
    do throws(RequestError) {
      try body()
      return nil
    } catch {
      return error.description
    }
  }

  /// What is told goes into one error message of EDHOC, which has room for so much.
  @Test(
    arguments: [.otherMicrocloud, .expired, .revoked, .credential(.malformed), .credential(.notSigned)]
      as [Authority.Refusal])
  func refusalsFitIntoAMessage(_ refusal: Authority.Refusal) {
    #expect(refusal.description.utf8.count <= EDHOCLimits.diagnosticBytes)
    #expect(refusal.description.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
  }
}
