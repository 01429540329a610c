import Microcloud
import TestSupport
import Testing

@testable import MicroAgent

@Suite struct ContainerRequestTests {
  typealias Change = @Sendable (inout ContainerRequest) -> Void

  private static func publish(_ request: inout ContainerRequest, _ publications: [Publication]) {
    request.network = .host
    request.publications = publications
  }

  @Test func thePlainOneIsRight() {
    #expect(plainRequest().problem == nil)
    #expect(plainRequest("").problem == nil)
  }

  static let limits: [Change] = [
    { $0.name = String(repeating: "a", count: 63) },
    { $0.name = "A-b_c.9" },
    { $0.hostname = "node_1.local" },
    { $0.root = "/srv/..root/.../x." },
    { $0.command = Array(repeating: "x", count: 256) },
    { $0.command = ["sh", "", "two\nlines"] },
    { $0.environment = Array(repeating: "A=", count: 256) },
    { $0.mounts = Array(repeating: .init(source: "/", target: "/a", readOnly: true), count: 32) },
    { $0.command = [String(repeating: "x", count: 16 * 1024 - 13)] },
    { $0.user = 65_535 },
    { $0.group = 65_535 },
    {
      $0.userNamespace = false
      $0.user = .max - 1
    },
    { $0.graceMilliseconds = 3_600_000 },
    { $0.graceMilliseconds = 0 },
    { $0.anyISA = true },
    { publish(&$0, (1...8).map { .init(type: "http", port: $0) }) },
    { publish(&$0, [.init(type: "a", port: 1), .init(type: "b", port: 1)]) },
    { $0.budget.memoryBytes = Budget.leastMemoryBytes },
    { $0.budget.memoryBytes = Budget.mostMemoryBytes },
    { $0.budget.processes = 1 },
    { $0.budget.processes = 32_768 },
    { $0.budget.cpuMillis = 10 },
    { $0.budget.cpuMillis = 64_000 },
    { $0.budget.logBytes = 4096 },
    { $0.budget.logBytes = 1 << 20 },
  ]

  @Test(arguments: limits.indices) func whatIsAllowedIsTaken(_ index: Int) {
    #expect(plainRequest("dns", Self.limits[index]).problem == nil)
  }

  static let wrong: [(Change, String)] = [
    ({ $0.name = String(repeating: "a", count: 64) }, "letters, digits, '-', '_' and '.', at most 63"),
    ({ $0.name = "-a" }, "name -a: use letters"),
    ({ $0.name = ".." }, "name ..: use letters"),
    ({ $0.name = "a/b" }, "name a/b: use letters"),
    ({ $0.name = "é" }, "name é: use letters"),
    ({ $0.hostname = "a b" }, "hostname a b: use letters, digits, '-', '_' and '.'"),
    ({ $0.root = "" }, "root file system : give an absolute path"),
    ({ $0.root = "srv" }, "root file system srv: give an absolute path"),
    ({ $0.root = "/" }, "root file system /: give"),
    ({ $0.root = "//" }, "root file system //: give"),
    ({ $0.root = "/./" }, "root file system /./: give"),
    ({ $0.root = "/srv/../etc" }, "root file system /srv/../etc: give"),
    ({ $0.root = "/" + String(repeating: "a", count: 4095) }, "root file system"),
    ({ $0.command = [] }, "command: give the program to run"),
    ({ $0.command = ["", "a"] }, "command: give the program to run"),
    ({ $0.command = Array(repeating: "x", count: 257) }, "command: at most 256 arguments"),
    ({ $0.environment = Array(repeating: "A=", count: 257) }, "command: at most 256 arguments"),
    ({ $0.environment = ["A"] }, "environment variable A: write NAME=VALUE"),
    ({ $0.environment = ["A=1", "=1"] }, "environment variable =1: write NAME=VALUE"),
    ({ $0.workingDirectory = "" }, "working directory : give an absolute path"),
    ({ $0.workingDirectory = "/../a" }, "working directory /../a: give an absolute path"),
    (
      { $0.mounts = Array(repeating: .init(source: "/", target: "/a", readOnly: true), count: 33) },
      "mounts: at most 32"
    ),
    ({ $0.mounts = [.init(source: "/a", target: "/", readOnly: true)] }, "mount /a on /: give absolute paths"),
    ({ $0.mounts = [.init(source: "/a", target: "//.", readOnly: true)] }, "mount /a on //.: give absolute paths"),
    ({ $0.mounts = [.init(source: "a", target: "/b", readOnly: true)] }, "mount a on /b: give absolute paths"),
    ({ $0.mounts = [.init(source: "/a", target: "/b/..", readOnly: true)] }, "mount /a on /b/..: give"),
    ({ $0.command = [String(repeating: "x", count: 16 * 1024 - 12)] }, "request: its texts exceed 16384 bytes"),
    ({ $0.name = String(repeating: "x", count: 60_000) }, "request: its texts exceed 16384 bytes"),
    ({ $0.command = ["sh", "a\u{0}b"] }, "request: its texts must not contain NUL"),
    ({ $0.root = "/srv\u{0}/x" }, "request: its texts must not contain NUL"),
    ({ $0.user = 65_536 }, "user 65536, group 0: use 0 to 65535"),
    ({ $0.group = 65_536 }, "user 0, group 65536: use 0 to 65535"),
    (
      {
        $0.userNamespace = false
        $0.user = .max
      }, "user 4294967295, group 0: use 0 to 4294967294"
    ),
    (
      {
        $0.userNamespace = false
        $0.group = .max
      }, "group 4294967295: use 0 to 4294967294"
    ),
    ({ publish(&$0, (1...9).map { .init(type: "http", port: $0) }) }, "publications: at most 8"),
    ({ publish(&$0, [.init(type: "", port: 1)]) }, "publication :1: its type has letters"),
    ({ publish(&$0, [.init(type: "http", port: 0)]) }, "publication http:0: give a port"),
    (
      { publish(&$0, [.init(type: "http", port: 1), .init(type: "HTTP", port: 1, description: "x")]) },
      "publication HTTP:1: it is there twice"
    ),
    ({ $0.publications = [.init(type: "http", port: 1)] }, "publication http:1: nobody could reach it"),
    (
      {
        publish(&$0, [.init(type: "http", port: 1, description: String(repeating: "x", count: 16 * 1024))])
      }, "request: its texts exceed 16384 bytes"
    ),
    ({ publish(&$0, [.init(type: "a\u{0}", port: 1)]) }, "request: its texts must not contain NUL"),
    ({ $0.graceMilliseconds = 3_600_001 }, "grace period: at most 3600 s"),
    ({ $0.budget.memoryBytes = 512 * 1024 - 1 }, "memory budget 511 KiB: give at least 512 KiB"),
    ({ $0.budget.memoryBytes = (1 << 40) + 1 }, "memory budget: at most 1024 GiB"),
    ({ $0.budget.processes = 0 }, "process budget: 1 to 32768"),
    ({ $0.budget.processes = 32_769 }, "process budget: 1 to 32768"),
    ({ $0.budget.cpuMillis = 9 }, "cpu budget: 0.01 to 64 cores"),
    ({ $0.budget.cpuMillis = 64_001 }, "cpu budget: 0.01 to 64 cores"),
    ({ $0.budget.logBytes = 4095 }, "log: 4 to 1024 KiB"),
    ({ $0.budget.logBytes = (1 << 20) + 1 }, "log: 4 to 1024 KiB"),
  ]

  @Test(arguments: wrong.indices) func whatIsWrongIsTold(_ index: Int) {
    let problem = plainRequest("dns", Self.wrong[index].0).problem
    #expect(problem?.contains(Self.wrong[index].1) ?? false, "\(problem ?? "nothing is wrong")")
  }
}

@Suite struct ContainerRequestCBORTests {
  private func random(_ generator: inout SeededGenerator) -> ContainerRequest {
    func texts(_ most: UInt64) -> [String] {
      (0..<generator.below(most)).map { _ in generator.pick(["", "a", "A=1", "/x/y", "ümlaut", "two\nlines"]) }
    }
    var request = ContainerRequest()
    if !generator.oneIn(4) { request.name = generator.pick(["dns", "web", "é"]) }
    request.root = generator.pick(["", "/srv/root"])
    request.command = texts(5)
    request.environment = texts(3)
    if generator.oneIn(2) { request.workingDirectory = "/home" }
    request.user = generator.pick([0, 1, 65_535, .max])
    request.group = generator.pick([0, 1000, .max])
    request.hostname = generator.pick(["", "host"])
    request.readOnlyRoot = generator.oneIn(2)
    request.network = generator.pick([.none, .host, .bridge])
    request.ports = (0..<generator.below(3)).map { _ in
      PublishedPort(port: generator.pick([1, .max]), target: 80, transport: generator.pick([.tcp, .udp]))
    }
    request.rates.upload = generator.pick([0, 8000])
    request.rates.download = generator.pick([0, .max])
    request.userNamespace = generator.oneIn(2)
    request.mounts = (0..<generator.below(3)).map { _ in
      .init(source: generator.pick(["", "/a"]), target: "/b", readOnly: generator.oneIn(2))
    }
    request.budget.memoryBytes = generator.pick([0, 16 << 20, .max])
    request.budget.processes = generator.pick([1, 64, .max])
    request.budget.cpuMillis = generator.pick([0, 1000, .max])
    request.budget.logBytes = generator.pick([0, 64 * 1024, .max])
    let maximum = UInt32(truncatingIfNeeded: generator.next())
    request.restart = generator.pick(
      [.no, .always, .onFailure(maximumRestarts: nil), .onFailure(maximumRestarts: maximum)])
    request.removesWhenEnded = generator.oneIn(2)
    request.graceMilliseconds = generator.pick([0, 10_000, .max])
    request.publications = (0..<generator.below(3)).map { _ in
      .init(
        type: generator.pick(["", "http"]), port: generator.pick([0, 80, .max]),
        description: generator.pick(["", "plaça"]))
    }
    return request
  }

  @Test func roundTrip() throws {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<500 {
      let request = random(&generator)
      let decoded = try CBORDecoder.decode(request.value.encoded)
      #expect(try ContainerRequest(decoded) == request)
    }
  }

  @Test func defaultsFollowFromTheLeast() throws {
    let least: CBORValue = [2: "/srv/root", 3: ["sh"]]
    #expect(try ContainerRequest(least) == plainRequest(""))
  }

  @Test(
    arguments: [
      [], .null, "run", 7, .undefined,
    ] as [CBORValue])
  func whatIsNoMapIsRefused(_ value: CBORValue) {
    #expect(refusal { () throws(RequestError) in try ContainerRequest(value) }?.kind == .invalid)
  }

  @Test(
    arguments: [
      [23: 1], [0: 1], [30: 1], [1000: 1], [-1: 1], ["name": "a"], [13: "/a"], [14: "/a"], [15: true],
      [12: [[13: "/a", 14: "/b", 1: "x"]]], [12: [["readOnly": true]]], [115: "http"], [119: 80],
      [121: [[115: "http", 119: 80, 122: "dns"]]], [122: "dns"],
    ] as [CBORValue])
  func unknownKeysAreRefused(_ value: CBORValue) {
    let error = refusal { () throws(RequestError) in try ContainerRequest(value) }
    #expect(error?.kind == .invalid)
    #expect(error?.description.contains("a key that this agent does not know") ?? false)
  }

  @Test(
    arguments: [
      ([1: 7], "name: give a text"), ([2: true], "root: give a text"), ([3: "sh"], "command: give an array of texts"),
      ([3: ["sh", 1]], "command: give an array of texts"), ([4: [[]]], "environment: give an array of texts"),
      ([6: -1], "user: give a number of at most 32 bits"),
      ([6: 4_294_967_296], "user: give a number of at most 32 bits"),
      ([9: 1], "readOnlyRoot: give true or false"), ([10: "lan"], "network: give \"none\", \"host\" or"),
      ([220: [80]], "the message is not a CBOR map"), ([220: [:]], "ports: give an array of maps"),
      ([224: "2M"], "uploadBits: give an unsigned number"),
      ([10: 0], "network: give"), ([12: [7]], "the message is not a CBOR map"),
      ([12: [:]], "mounts: give an array of maps"),
      ([16: -1], "memoryBytes: give an unsigned number"), ([16: "4M"], "memoryBytes: give an unsigned number"),
      ([121: "http:80"], "publications: give an array of maps"), ([121: ["http:80"]], "not a CBOR map"),
      ([20: "sometimes"], "restart: give \"no\""), ([20: .null], "restart: give \"no\""),
      ([22: .float(1)], "graceMilliseconds: give an unsigned number"),
    ] as [(CBORValue, String)])
  func wrongTypesAreTold(_ value: CBORValue, _ line: String) {
    let error = refusal { () throws(RequestError) in try ContainerRequest(value) }
    #expect(error?.description.contains(line) ?? false, "\(error?.description ?? "taken")")
  }

  /// Bytes that were damaged on their way give a request or an error, never a trap.
  @Test func hostileBytes() throws {
    var generator = SeededGenerator(seed: 3)
    var refused = 0
    for _ in 0..<3_000 {
      var bytes = random(&generator).value.encoded
      for _ in 0...generator.below(3) {
        let index = Int(truncatingIfNeeded: generator.below(UInt64(bytes.count)))
        switch generator.below(3) {
        case 0: bytes[index] = UInt8(truncatingIfNeeded: generator.next())
        case 1: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: index)
        default: bytes.removeSubrange(index...)
        }
        if bytes.isEmpty { bytes = [0xFF] }
      }
      let message = CoAPMessage(code: .post, cbor: .null)
      var damaged = message
      damaged.path = ["containers"]
      damaged.payload = bytes
      if refusal({ () throws(RequestError) in try APIRequest(damaged) }) != nil { refused += 1 }
    }
    #expect(refused > 1_000)
  }
}
