import Crypto
import Testing

@testable import MicroAgent

@Suite struct PermissionTests {
  private static let key = [UInt8](repeating: 3, count: 32)
  private static let member = Principal(thumbprint: key, role: .member)
  private static let anybody = Principal(thumbprint: key, role: .public)

  private static let somebody = try! P256.PrivateKey.generate().publicKey

  private static func wish(_ change: (inout ContainerRequest) -> Void = { _ in }) -> APIRequest {
    .run(
      plainRequest {
        $0.root = "/var/lib/microagent/roots/busybox"
        $0.lease = 1
        change(&$0)
      })
  }

  /// Every request, and who may: the owner, an observer, a member with a lease of its own, a member with another's, anybody.
  private static let table: [(APIRequest, String)] = [
    (wish(), "yn yn n"), (.list, "yy yy n"), (.inspect(name: "dns", observe: false), "yy yn n"),
    (.remove(name: "dns", force: true), "yn yn n"), (.start(name: "dns"), "yn yn n"),
    (.pause(name: "dns"), "yn yn n"), (.resume(name: "dns"), "yn yn n"),
    (.stop(name: "dns", graceMilliseconds: 1), "yn yn n"),
    (.kill(name: "dns", signal: 9), "yn yn n"), (.top(name: "dns"), "yy yn n"),
    (.update(name: "dns", try! ContainerChange(.map([.memoryBytes: 1_048_576]))), "yn yn n"),
    (.exec(name: "dns", number: 1, ExecRequest()), "yn yn n"),
    (.inspectExec(name: "dns", number: 1, observe: true), "yy yn n"),
    (.attend(name: "dns", number: 1, .hangUp), "yn yn n"),
    (.attend(name: "dns", number: 1, .read(.output, from: 0, observe: true)), "yn yn n"),
    (.attend(name: "dns", number: 1, .input(InputPiece(offset: 0, bytes: [], isEnd: true))), "yn yn n"),
    (.logs(name: "dns", from: nil, tailLines: nil, observe: true), "yy yn n"), (.usage, "yy yy n"),
    (.metrics, "yy yy n"), (.events(from: nil, observe: true), "yy yy n"), (.settings, "yy nn n"),
    (.changeSettings(try! SettingsChange(settingsWish)), "yn nn n"),
    (.plan(plainRequest()), "yn nn n"), (.info, "yy yy n"), (.nodes, "yy yy n"), (.search(text: ""), "yy yy n"),
    (.searchNode(name: "alix", text: ""), "yy yy n"), (.publications, "yy yy y"),
    (.publish(Publication(type: "http", port: 80)), "yn nn n"), (.unpublish(name: "http:80"), "yn nn n"),
    (.offer, "yy yy y"), (.lease(LeaseRequest()), "yn yy n"), (.leases, "yy yy n"),
    (.inspectLease(id: 1, observe: true), "yy yn n"), (.changeLease(id: 1, LeaseChange()), "yn yn n"),
    (.releaseLease(id: 1, generation: nil), "yn yn n"), (.drain(true), "yn nn n"), (.drain(false), "yn nn n"),
    (.revocations, "yy yy y"), (.revoke([1]), "yy yy y"), (.owner, "yy nn n"), (.own(somebody), "yy yy y"),
    (.disown, "yn nn n"), (.openClaim(seconds: 1), "yn nn n"), (.closeClaim, "yn nn n"), (.audit, "yy nn n"),
    (.resets, "yy nn n"),
    (.blob(digest: key), "yy yy n"),
    (.putBlob(try! blobBlock([1], of: 1)), "yn yy n"), (.images, "yy yy n"),
    (.inspectImage(name: "dns:1"), "yy yn n"), (.makeImage(name: "dns:1", manifest: key), "yn yy n"),
    (.removeImage(name: "dns:1"), "yn yn n"),
  ]

  @Test(arguments: table)
  func whoMayDoWhat(_ request: APIRequest, _ expected: String) {
    let other = [UInt8](repeating: 4, count: 32)
    func may(_ principal: Principal, _ holder: [UInt8]?) -> String {
      Permission.refusal(of: request, by: principal, holder: holder, policy: LeasePolicy()) == nil ? "y" : "n"
    }
    let found =
      may(.owner, other) + may(.observer, other) + " " + may(Self.member, Self.key) + may(Self.member, other) + " "
      + may(Self.anybody, Self.key)
    #expect(found == expected)
    #expect(may(Self.member, nil) == may(Self.member, other), "what is nobody's is not a member's")
  }

  @Test func aMemberStaysWithinItsLease() {
    let cases: [((inout ContainerRequest) -> Void, String)] = [
      ({ $0.lease = nil }, "run: name a lease of yours that it is to be in"),
      ({ $0.network = .host }, "network \"host\": only the board's owner may give it"),
      (
        {
          $0.network = .bridge
          $0.ports = [PublishedPort(port: 80, target: 80)]
        }, "ports below 1024: only the board's owner may give them"
      ),
      ({ $0.userNamespace = false }, "root on the board: only its owner may give it"),
      ({ $0.mounts = [.init(source: "/etc", target: "/mnt", readOnly: true)] }, "mounts: only the board's owner"),
      ({ $0.publications = [Publication(type: "http", port: 80)] }, "publications: only the board's owner"),
      ({ $0.root = "/etc" }, "root file system /etc: only those below /var/lib/microagent/roots are for members"),
      ({ $0.root = "/var/lib/microagent/rootsx" }, "only those below"),
      ({ $0.root = "/var/lib/microagent/roots" }, "only those below"),
    ]
    for (change, told) in cases {
      let refusal = Permission.refusal(
        of: Self.wish(change), by: Self.member, holder: Self.key, policy: LeasePolicy())
      #expect(refusal?.description.contains(told) ?? false, "\(refusal?.description ?? "")")
      #expect(refusal?.kind == .forbidden)
      let owner = Permission.refusal(of: Self.wish(change), by: .owner, holder: nil, policy: LeasePolicy())
      #expect(owner == nil)
    }
  }

  @Test func whereLeasesAreForNobodyMembersGetNone() {
    var policy = LeasePolicy()
    policy.lessees = .nobody
    let refusal = Permission.refusal(of: .lease(LeaseRequest()), by: Self.member, holder: nil, policy: policy)
    #expect(refusal?.description == "lease: this node gives leases to nobody but its owner")
  }

  @Test func allWhoSpeakForTheOwnerHoldTheSameLeases() {
    let remote = Principal(thumbprint: Self.key, role: .owner)
    #expect(remote.holder == Principal.owner.holder)
    #expect(Principal.isOwner(remote.holder) && !Principal.isOwner(Self.member.holder))
  }
}
