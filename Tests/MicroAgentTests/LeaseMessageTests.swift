import Basics
import Microcloud
import Testing

@testable import MicroAgent

@Suite struct LeaseMessageTests {
  private static let requestID = [UInt8](1...8)

  private func message(_ code: CoAPCode, _ path: String, query: [String] = [], _ payload: CBORValue? = nil)
    -> CoAPMessage
  {
    var message = payload.map { CoAPMessage(code: code, token: [], cbor: $0) } ?? CoAPMessage(code: code, token: [])
    message.path = path.split(separator: "/").map { String($0) }
    message.query = query
    return message
  }

  private func read(_ code: CoAPCode, _ path: String, query: [String] = [], _ payload: CBORValue? = nil) throws
    -> APIRequest
  {
    try APIRequest(message(code, path, query: query, payload))
  }

  @Test func aRequestForALeaseIsRead() throws {
    let value: CBORValue = [
      129: .bytes(Self.requestID), 16: 8_388_608, 18: 200, 132: 1_048_576, 17: 9, 133: 2, 130: 7200, 131: 7,
    ]
    var request = LeaseRequest()
    request.requestID = Self.requestID
    request.size = Resources(
      memoryBytes: 8 << 20, cpuMillis: 200, diskBytes: 1 << 20, processes: 9, containers: 2)
    request.durationSeconds = 7200
    request.priority = 7
    #expect(try read(.post, "leases", value) == .lease(request))
    #expect(try LeaseRequest(request.value) == request)
    #expect(try read(.post, "leases", request.value) == .lease(request))
  }

  @Test(
    arguments: [
      ([16: 8_388_608], "request id: give 8 to 16 bytes, new for each lease"),
      ([129: .bytes([1, 2, 3]), 16: 8_388_608], "request id"),
      ([129: .bytes([UInt8](repeating: 0, count: 17)), 16: 8_388_608], "request id"),
      ([129: .bytes(requestID)], "756 KiB is the least that holds a container"),
      ([129: .bytes(requestID), 16: 1_099_511_627_777], "at most 1024 GiB of memory"),
      ([129: .bytes(requestID), 16: 8_388_608, 130: 9], "lease: for 10 s to 366 days"),
      ([129: .bytes(requestID), 16: 8_388_608, 130: .unsigned(.max)], "lease: for 10 s to 366 days"),
      ([129: .bytes(requestID), 16: 8_388_608, 131: 8], "priority: 0 to 7"),
      ([129: .bytes(requestID), 16: 8_388_608, 131: 256], "priority: give a number, 0 to 7"),
      ([129: .bytes(requestID), 16: 8_388_608, 18: 64_001], "lease: 0.01 to 64 cores"),
      ([129: .bytes(requestID), 16: 8_388_608, 17: 0], "lease: 1 to 32768 processes"),
      ([129: .bytes(requestID), 16: 8_388_608, 133: 257], "lease: 1 to 256 containers"),
      ([129: .bytes(requestID), 16: 8_388_608, 132: 1_125_899_906_842_625], "at most 1024 TiB of disk"),
      ([129: "12345678", 16: 8_388_608], "requestID: give 8 to 16 bytes"),
      ([129: .bytes(requestID), 16: "8M"], "memoryBytes: give an unsigned number"),
      ([129: .bytes(requestID), 16: 8_388_608, 135: 1], "a key that this agent does not know"),
      (7, "the message is not a CBOR map"),
    ] as [(CBORValue, String)])
  func whatIsWrongIsTold(_ value: CBORValue, _ told: String) {
    let error = #expect(throws: RequestError.self) { try read(.post, "leases", value) }
    #expect(error?.description.contains(told) ?? false, "\(error?.description ?? "")")
  }

  @Test func routes() throws {
    #expect(try read(.get, "offer") == .offer)
    #expect(try read(.get, "leases") == .leases)
    #expect(try read(.get, "leases/7") == .inspectLease(id: 7, observe: false))
    #expect(try read(.post, "leases/7") == .changeLease(id: 7, LeaseChange()))
    let change = LeaseChange(durationSeconds: 60, generation: 9)
    #expect(change.value == [130: 60, 135: 9])
    #expect(try read(.post, "leases/7", change.value) == .changeLease(id: 7, change))
    #expect(try read(.delete, "leases/7") == .releaseLease(id: 7, generation: nil))
    #expect(try read(.delete, "leases/7", query: ["generation=9"]) == .releaseLease(id: 7, generation: 9))
    #expect(try read(.post, "drain") == .drain(true))
    #expect(try read(.delete, "drain") == .drain(false))
  }

  @Test(
    arguments: [
      (CoAPCode.get, "leases/x", [], RequestError.Kind.notFound), (.get, "leases/-1", [], .notFound),
      (.delete, "leases/7", ["generation=4294967296"], .invalid), (.delete, "leases/7", ["force"], .invalid),
      (.delete, "leases", [], .notAllowed), (.post, "offer", [], .notAllowed), (.get, "drain", [], .notAllowed),
      (.get, "leases/7/containers", [], .notFound),
    ])
  func whatIsNotThereIsTold(_ code: CoAPCode, _ path: String, _ query: [String], _ kind: RequestError.Kind) {
    let error = #expect(throws: RequestError.self) { try read(code, path, query: query) }
    #expect(error?.kind == kind)
  }

  @Test func aContainerNamesItsLease() throws {
    let request = plainRequest { $0.lease = 7 }
    #expect(request.value[.lease] == 7)
    #expect(try ContainerRequest(request.value) == request)
    let error = refusal { () throws(RequestError) in try ContainerRequest([128: "seven"]) }
    #expect(error?.description == "lease: give a lease's number")
  }

  @Test func aLeaseIsTold() {
    var request = LeaseRequest()
    request.requestID = Self.requestID
    request.size.memoryBytes = 8 << 20
    var lease = Lease(
      id: 7, holder: [UInt8](repeating: 1, count: 32), request: request, generation: 3,
      deadline: Instant(nanoseconds: 0), boot: "", createdSeconds: 99)
    lease.phase = .over
    lease.end = .givenUp
    let status = LeaseStatus(
      lease: lease, remainingMilliseconds: 59_999, used: Resources(memoryBytes: 5, containers: 1), isDraining: true)
    #expect(
      status.value == [
        30: 7, 31: "over", 38: "the node had to give it up", 134: .bytes([UInt8](repeating: 1, count: 32)),
        129: .bytes(Self.requestID), 16: 8_388_608, 18: 200, 17: 256, 133: 4, 130: 3600, 131: 3,
        137: [16: 5, 133: 1], 136: 59, 135: 3, 39: 99, 138: true,
      ])
  }

  @Test func anOfferIsTold() {
    let board = Resources(
      memoryBytes: 100 << 20, cpuMillis: 2000, diskBytes: 1 << 30, processes: 32_768, containers: 256)
    var settings = OfferSettings()
    settings.zone = "Gracia"
    settings.guifiNode = 12
    var abilities = NodeAbilities()
    abilities.instructionSet = "i586"
    abilities.cgroupVersion = "v1"
    abilities.hasUserNamespaces = true
    abilities.hasOverlay = true
    let offer = Offer(settings, of: board, standing: .claimed, abilities: abilities)
    let ledger = Ledger(offer.limits(of: board))
    let value = offer.value(ledger, isDraining: false)
    let amount: CBORValue = [16: 52_428_800, 18: 1000, 132: 536_870_912, 17: 1024, 133: 128]
    #expect(value[.offered] == amount && value[.left] == amount)
    #expect(value[.leased] == [16: 0])
    #expect(value[.abilities] == ["user-namespaces", "overlay"])
    #expect(value[.mostHeld]?[.memoryBytes] == 26_214_400)
    #expect(value[.leaseTo] == "members" && value[.longestSeconds] == 604_800 && value[.isDraining] == false)
    #expect(value[.zone] == "Gracia" && value[.guifiNode] == 12 && value[.contact] == nil)
  }
}
