import Basics
import Crypto
import Microcloud

/// What a client asks of the agent, read from a CoAP request (docs/PROTOCOL.md).
public enum APIRequest: Equatable, Sendable {
  /// POST /containers
  case run(ContainerRequest)
  /// GET /containers
  case list
  /// GET /containers/NAME; with Observe, each change is told.
  case inspect(name: String, observe: Bool)
  /// DELETE /containers/NAME, with ?force also where it runs.
  case remove(name: String, force: Bool)
  /// POST /containers/NAME/start
  case start(name: String)
  /// POST /containers/NAME/pause
  case pause(name: String)
  /// POST /containers/NAME/resume
  case resume(name: String)
  /// POST /containers/NAME/stop, with ?grace=MILLISECONDS
  case stop(name: String, graceMilliseconds: UInt64?)
  /// POST /containers/NAME/kill, with ?signal=NUMBER; without: SIGKILL.
  case kill(name: String, signal: UInt64)
  /// POST /containers/NAME/update: change its budget or restart policy.
  case update(name: String, ContainerChange)
  /// GET /containers/NAME/top: its processes.
  case top(name: String)
  /// GET /containers/NAME/logs, with ?from=OFFSET or ?tail=LINES; with Observe, more as it comes.
  case logs(name: String, from: UInt64?, tailLines: UInt64?, observe: Bool)
  /// PUT /containers/NAME/exec/NUMBER: run a program in it, beside its own.
  case exec(name: String, number: UInt32, ExecRequest)
  /// GET /containers/NAME/exec/NUMBER; with Observe, its end is told.
  case inspectExec(name: String, number: UInt32, observe: Bool)
  /// GET, PUT and DELETE at /containers/NAME/exec/NUMBER and below: see `Attendance`.
  case attend(name: String, number: UInt32, Attendance)
  /// GET /usage: what each live container uses.
  case usage
  /// GET /metrics: the node and its containers in numbers.
  case metrics
  /// POST /plan: how a container would be launched; nothing is done.
  case plan(ContainerRequest)
  /// GET /info
  case info
  /// GET /nodes: the neighbours that are known.
  case nodes
  /// GET /services, with ?text=TEXT: what the neighbours offer that has this in it; empty: all.
  case search(text: String)
  /// GET /nodes/NAME/publications, with ?text=TEXT: the same of one neighbour, who is asked itself.
  case searchNode(name: String, text: String)
  /// GET /publications: what this node itself offers.
  case publications
  /// POST /publications: offer something that runs beside the containers.
  case publish(Publication)
  /// DELETE /publications/TYPE:PORT
  case unpublish(name: String)
  /// GET /offer: what this node gives to others, and on what terms.
  case offer
  /// POST /leases
  case lease(LeaseRequest)
  /// GET /leases
  case leases
  /// GET /leases/ID; with Observe, each change is told.
  case inspectLease(id: UInt64, observe: Bool)
  /// POST /leases/ID: confirm it, or keep it for longer.
  case changeLease(id: UInt64, LeaseChange)
  /// DELETE /leases/ID, with ?generation=NUMBER
  case releaseLease(id: UInt64, generation: UInt32?)
  /// GET /revocations: the newest list of credentials that count no more, as the microcloud's key signed it.
  case revocations
  /// PUT /revocations: a newer one.
  case revoke([UInt8])
  /// GET /events, with ?from=NUMBER; with Observe, more as it happens.
  case events(from: UInt64?, observe: Bool)
  /// GET /settings: what the node goes by, but for secrets.
  case settings
  /// iPATCH /settings: what is to be otherwise from now on, or from the next start on.
  case changeSettings(SettingsChange)
  /// POST /drain, and DELETE /drain to give leases again.
  case drain(Bool)
  /// GET /owner: whom the board belongs to, and whether it can be claimed.
  case owner
  /// PUT /owner: it belongs to this key from now on; whoever claims the board gives it to itself.
  case own(P256.PublicKey)
  /// DELETE /owner: it belongs again to whom its configuration names.
  case disown
  /// POST /claim-window, with ?seconds=NUMBER: until then the first who wants may claim the board.
  case openClaim(seconds: UInt64)
  /// DELETE /claim-window
  case closeClaim
  /// GET /audit: who did what of late, and who was refused.
  case audit
  /// GET /resets: how often the board was started, and how its last boots and agents ended.
  case resets
  /// GET /blobs/DIGEST: what of a blob is there.
  case blob(digest: [UInt8])
  /// PUT /blobs/DIGEST: a piece of one.
  case putBlob(BlobBlock)
  /// GET /images
  case images
  /// GET /images/NAME
  case inspectImage(name: String)
  /// PUT /images/NAME: make an image of blobs that are there.
  case makeImage(name: String, manifest: [UInt8])
  /// DELETE /images/NAME
  case removeImage(name: String)

  /// Of each part of path and query (RFC 7252 section 5.10), which may be told whole where it is wrong.
  static let maximumOptionBytes = 255

  public init(_ message: CoAPMessage) throws(RequestError) {
    let path = message.path
    let query = APIQuery(message.query)
    let observe = message.options.unsigned(.observe) == 0
    if let option = message.options.list.first(where: { $0.number.isCritical && !Self.known($0.number, in: message) }) {
      throw RequestError(.badOption, "option \(option.number.rawValue) is critical and not known here")
    }
    if message.options.list.contains(where: { $0.number.isCritical && $0.value.count > Self.maximumOptionBytes }) {
      let line = "a name or text in path or query has more than \(Self.maximumOptionBytes) bytes: shorten it"
      throw RequestError(.badOption, line)
    }
    try query.refuse(except: Self.queryNames(message.code, path))
    switch (message.code, path.count) {
    case (.post, 1) where path[0] == "containers": self = .run(try Self.containerRequest(message))
    case (.post, 1) where path[0] == "plan": self = .plan(try Self.containerRequest(message))
    case (.get, 1) where path[0] == "containers": self = .list
    case (.get, 1) where path[0] == "usage": self = .usage
    case (.get, 1) where path[0] == "metrics": self = .metrics
    case (.get, 1) where path[0] == "info": self = .info
    case (.get, 1) where path[0] == "nodes": self = .nodes
    case (.get, 1) where path[0] == "services": self = .search(text: query.text("text") ?? "")
    case (.get, 3) where path[0] == "nodes" && path[2] == "publications":
      self = .searchNode(name: path[1], text: query.text("text") ?? "")
    case (.get, 1) where path[0] == "publications": self = .publications
    case (.post, 1) where path[0] == "publications": self = .publish(try Self.publication(message))
    case (.delete, 2) where path[0] == "publications": self = .unpublish(name: path[1])
    case (.get, 1) where path[0] == "offer": self = .offer
    case (.get, 1) where path[0] == "leases": self = .leases
    case (.post, 1) where path[0] == "leases": self = .lease(try Self.leaseRequest(message))
    case (.get, 2) where path[0] == "leases": self = .inspectLease(id: try Self.lease(path[1]), observe: observe)
    case (.post, 2) where path[0] == "leases":
      self = .changeLease(id: try Self.lease(path[1]), try Self.leaseChange(message))
    case (.delete, 2) where path[0] == "leases":
      self = .releaseLease(id: try Self.lease(path[1]), generation: try Self.generation(query))
    case (.get, 1) where path[0] == Self.revocationsName: self = .revocations
    case (.put, 1) where path[0] == Self.revocationsName: self = .revoke(try Self.revocationList(message))
    case (.get, 1) where path[0] == "events": self = .events(from: try query.number("from"), observe: observe)
    case (.get, 1) where path[0] == Self.settingsName: self = .settings
    case (.iPatch, 1) where path[0] == Self.settingsName:
      let states = message.options.list.filter { $0.number == .ifMatch }.map { $0.value }
      self = .changeSettings(try SettingsChange(try Self.content(of: message), states: states))
    case (.post, 1) where path[0] == "drain": self = .drain(true)
    case (.delete, 1) where path[0] == "drain": self = .drain(false)
    case (.get, 1) where path[0] == "audit": self = .audit
    case (.get, 1) where path[0] == "resets": self = .resets
    case (.get, 1) where path[0] == Self.ownerName: self = .owner
    case (.put, 1) where path[0] == Self.ownerName: self = .own(try Self.publicKey(message))
    case (.delete, 1) where path[0] == Self.ownerName: self = .disown
    case (.post, 1) where path[0] == Self.claimName: self = .openClaim(seconds: try Self.claimSeconds(query))
    case (.delete, 1) where path[0] == Self.claimName: self = .closeClaim
    case (.get, 2) where path[0] == "containers": self = .inspect(name: path[1], observe: observe)
    case (.delete, 2) where path[0] == "containers": self = .remove(name: path[1], force: try query.flag("force"))
    case (.post, 3) where path[0] == "containers" && path[2] == "start": self = .start(name: path[1])
    case (.post, 3) where path[0] == "containers" && path[2] == "pause": self = .pause(name: path[1])
    case (.post, 3) where path[0] == "containers" && path[2] == "resume": self = .resume(name: path[1])
    case (.post, 3) where path[0] == "containers" && path[2] == "stop":
      self = .stop(name: path[1], graceMilliseconds: try Self.grace(query))
    case (.post, 3) where path[0] == "containers" && path[2] == "kill":
      self = .kill(name: path[1], signal: try Self.signal(query))
    case (.post, 3) where path[0] == "containers" && path[2] == "update":
      self = .update(name: path[1], try ContainerChange(try Self.content(of: message)))
    case (.get, 3) where path[0] == "containers" && path[2] == "top": self = .top(name: path[1])
    case (.get, 3) where path[0] == "containers" && path[2] == "logs":
      let from = try query.number("from")
      self = .logs(name: path[1], from: from, tailLines: try query.number("tail"), observe: observe)
    case (.put, 4) where Self.isExec(path):
      self = .exec(name: path[1], number: try Self.exec(path[3]), try ExecRequest(try Self.content(of: message)))
    case (.get, 4) where Self.isExec(path):
      self = .inspectExec(name: path[1], number: try Self.exec(path[3]), observe: observe)
    case (.delete, 4) where Self.isExec(path):
      self = .attend(name: path[1], number: try Self.exec(path[3]), .hangUp)
    case (_, 5) where Self.isExec(path):
      guard let attendance = try Attendance(message, path[4], query, observe: observe) else { throw Self.refusal(path) }
      self = .attend(name: path[1], number: try Self.exec(path[3]), attendance)
    default:
      guard let request = try Self.imageRequest(message, path) else { throw Self.refusal(path) }
      self = request
    }
  }

  private static let revocationsName = "revocations"
  private static let ownerName = "owner"
  private static let settingsName = "settings"
  private static let claimName = "claim-window"

  /// Whether anybody may bring it: a list says itself who signed it, and a board that is open for claims takes whoever
  /// comes first.
  public static func isForAnybody(_ message: CoAPMessage) -> Bool {
    message.code == .put && (message.path == [revocationsName] || message.path == [ownerName])
  }

  /// A compressed point (SEC 1 section 2.3.3).
  private static func publicKey(_ message: CoAPMessage) throws(RequestError) -> P256.PublicKey {
    guard let bytes = try content(of: message).bytesValue, let key = try? P256.PublicKey(bytes) else {
      throw RequestError(.invalid, "owner: give a public key of P-256 as `microctl key` prints it")
    }
    return key
  }

  private static func claimSeconds(_ query: APIQuery) throws(RequestError) -> UInt64 {
    let seconds = try query.number("seconds") ?? ClaimWindow.defaultSeconds
    guard (1...ClaimWindow.maximumSeconds).contains(seconds) else {
      throw RequestError(.invalid, "claim window: give 1 to \(ClaimWindow.maximumSeconds) seconds")
    }
    return seconds
  }

  private static func revocationList(_ message: CoAPMessage) throws(RequestError) -> [UInt8] {
    guard (1...RevocationList.maximumBytes).contains(message.payload.count) else {
      throw RequestError(.invalid, "revocations: a list has at most \(RevocationList.maximumBytes) bytes")
    }
    return message.payload
  }

  private static func grace(_ query: APIQuery) throws(RequestError) -> UInt64? {
    guard let grace = try query.number("grace") else { return nil }
    guard grace <= ContainerRequest.maximumGraceMilliseconds else {
      throw RequestError(.invalid, "grace period: at most \(ContainerRequest.maximumGraceMilliseconds / 1000) s")
    }
    return grace
  }

  private static func signal(_ query: APIQuery) throws(RequestError) -> UInt64 {
    let signal = try query.number("signal") ?? ContainerRequest.kill
    guard (1...ContainerRequest.highestSignal).contains(signal) else {
      throw RequestError(.invalid, "signal \(signal): use 1 to \(ContainerRequest.highestSignal)")
    }
    return signal
  }

  /// What may stand in the query of a request.
  private static func queryNames(_ code: CoAPCode, _ path: [String]) -> [String] {
    switch (code, path.count) {
    case (.get, 1) where path[0] == "services": ["text"]
    case (.get, 1) where path[0] == "events": ["from"]
    case (.delete, 2) where path[0] == "containers": ["force"]
    case (.delete, 2) where path[0] == "leases": ["generation"]
    case (.post, 3) where path[2] == "stop": ["grace"]
    case (.post, 3) where path[2] == "kill": ["signal"]
    case (.get, 3) where path[0] == "nodes": ["text"]
    case (.get, 3) where path[2] == "logs": ["from", "tail"]
    case (.get, 5) where path[2] == "exec": ["from"]
    case (.post, 1) where path[0] == claimName: ["seconds"]
    default: []
    }
  }

  private static let collections = [
    "containers", "plan", "usage", "metrics", "info", "nodes", "services", "publications", "offer", "leases", "drain",
    "events", settingsName, "images", revocationsName, ownerName, claimName, "audit", "resets",
  ]

  /// Why no route took the request: its method, or its path.
  private static func refusal(_ path: [String]) -> RequestError {
    let isResource: Bool
    switch path.count {
    case 1:
      isResource = Self.collections.contains(path[0])
    case 2: isResource = ["containers", "publications", "leases", "blobs", "images"].contains(path[0])
    case 3:
      isResource =
        path[0] == "containers"
        && ["start", "pause", "resume", "stop", "kill", "update", "top", "logs"].contains(path[2])
        || path[0] == "nodes" && path[2] == "publications"
    case 4: isResource = isExec(path)
    case 5: isResource = isExec(path) && Attendance.resources.contains(path[4])
    default: isResource = false
    }
    if isResource { return RequestError(.notAllowed, "that cannot be done to this resource: use another method") }
    return RequestError(.notFound, "there is no such resource here: the client may be newer than the agent")
  }

  private static func known(_ number: CoAPOptionNumber, in message: CoAPMessage) -> Bool {
    number == .uriPath || number == .uriQuery || number == .uriHost || number == .uriPort || number == .accept
      || number == .block1 && message.code == .put && message.path.first == "blobs"
      || number == .ifMatch && message.code == .iPatch && message.path.first == settingsName
  }

  private static func containerRequest(_ message: CoAPMessage) throws(RequestError) -> ContainerRequest {
    let request = try ContainerRequest(try content(of: message))
    if let problem = request.problem { throw RequestError(.invalid, problem) }
    return request
  }

  private static func publication(_ message: CoAPMessage) throws(RequestError) -> Publication {
    let publication = try Publication(try content(of: message))
    if let problem = publication.problem { throw RequestError(.invalid, problem) }
    return publication
  }

  private static func leaseRequest(_ message: CoAPMessage) throws(RequestError) -> LeaseRequest {
    let request = try LeaseRequest(try content(of: message))
    if let problem = request.problem { throw RequestError(.invalid, problem) }
    return request
  }

  /// Without a payload it confirms.
  private static func leaseChange(_ message: CoAPMessage) throws(RequestError) -> LeaseChange {
    if message.payload.isEmpty { return LeaseChange() }
    let change = try LeaseChange(try content(of: message))
    if let problem = change.problem { throw RequestError(.invalid, problem) }
    return change
  }

  private static func lease(_ name: String) throws(RequestError) -> UInt64 {
    guard let id = Decimal.parse(name) else { throw RequestError(.notFound, "lease \(name): leases have numbers") }
    return id
  }

  private static func isExec(_ path: [String]) -> Bool { path[0] == "containers" && path[2] == "exec" }

  private static func exec(_ name: String) throws(RequestError) -> UInt32 {
    guard let number = Decimal.parse(name).flatMap({ UInt32(exactly: $0) }) else {
      throw RequestError(.notFound, "exec \(name): execs have numbers of at most 32 bits")
    }
    return number
  }

  private static func generation(_ query: APIQuery) throws(RequestError) -> UInt32? {
    guard let number = try query.number("generation") else { return nil }
    guard let generation = UInt32(exactly: number) else {
      throw RequestError(.invalid, "generation=\(number): give a number of at most 32 bits")
    }
    return generation
  }

  static func content(of message: CoAPMessage) throws(RequestError) -> CBORValue {
    do {
      return try CBORDecoder.decode(message.payload)
    } catch {
      throw RequestError(.invalid, "the message is not CBOR: \(error.description)")
    }
  }
}

/// The `name` and `name=value` parts of a request's query.
struct APIQuery {
  let parts: [String]

  init(_ parts: [String]) {
    self.parts = parts
  }

  /// What is asked for is done or told, never ignored.
  func refuse(except known: [String]) throws(RequestError) {
    for part in parts {
      let name = ASCII.string(part.utf8.prefix { $0 != UInt8(ascii: "=") })
      if !known.contains(name) { throw RequestError(.invalid, "query \(name): it is not known here") }
    }
  }

  /// Whether a name stands there, alone.
  func flag(_ name: String) throws(RequestError) -> Bool {
    for part in parts where part != name && part.utf8.starts(with: "\(name)=".utf8) {
      throw RequestError(.invalid, "\(part): it takes no value")
    }
    return parts.contains(name)
  }

  /// The number under a name; nil where the name is absent.
  func number(_ name: String) throws(RequestError) -> UInt64? {
    guard let text = text(name) else { return nil }
    guard let number = Decimal.parse(text) else { throw RequestError(.invalid, "\(name)=\(text): give a number") }
    return number
  }

  /// The text under a name, empty where nothing but the name stands there; nil where the name is absent.
  func text(_ name: String) -> String? {
    let prefix = Array("\(name)=".utf8)
    for part in parts where part == name || part.utf8.starts(with: prefix) {
      return ASCII.string(part.utf8.dropFirst(prefix.count))
    }
    return nil
  }
}

extension RequestError {
  /// The response that tells it (RFC 9290).
  public func response(token: [UInt8]) -> CoAPMessage {
    ProblemDetails(title: description).response(code, token: token)
  }

  private var code: CoAPCode {
    switch kind {
    case .invalid: .badRequest
    case .forbidden: .forbidden
    case .notFound: .notFound
    case .conflict: .conflict
    case .noRoom: .serviceUnavailable
    case .failed: .internalServerError
    case .notAllowed: .methodNotAllowed
    case .badOption: .badOption
    case .changed: .preconditionFailed
    }
  }
}
