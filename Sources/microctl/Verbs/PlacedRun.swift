import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

/// The options of `run` that let a node be chosen. The first one is what the others need.
let placementOptions = [
  Option(.any, "any", "Run it on the best of the nodes that know your key, this one among them"),
  Option(.elsewhere, "elsewhere", "With --any: not on this node"),
  Option(
    .isa, "isa", value: "LEVEL", choices: ["i586-nolock", "geode", "i686-sse2", "x86_64"],
    "With --any: the least that the processor must be"),
  Option(.duration, "for", value: "TIME", "With --any: how long a lease is taken, as 30m, 2h or 7d (1h)"),
  Option(.patience, "patience", value: "TIME", "With --any: for how long nodes are asked (60s)"),
]

/// A container on whichever node takes it.
final class PlacedRun {
  /// How long one node is waited for.
  private static let answerMilliseconds: UInt64 = 10_000
  private static let patienceSeconds: UInt64 = 60
  /// What `lease` takes, too: more is more than boards with one core offer.
  private static let cpuMillis: UInt64 = 200

  private let session: Session
  private let wish: PlacementWish
  /// It is removed by us, once we have seen all of it.
  private let removesAtEnd: Bool
  private let deadline: Instant
  private var nodes: [Neighbour] = []
  private var talk: (node: Int, client: Client)?
  private var interrupts = 0

  init(_ session: Session, _ request: ContainerRequest) throws(Failure) {
    let arguments = session.arguments
    let reader = OptionReader(arguments: arguments, verb: "run")
    if request.lease != nil { throw Failure(.usage, "run: --any takes a lease itself: leave --lease out") }
    var request = request
    if request.name.isEmpty { request.name = try randomName() }
    if arguments.value(.cpus) == nil { request.budget.cpuMillis = Self.cpuMillis }
    removesAtEnd = request.removesWhenEnded && !arguments.has(.detach)
    if removesAtEnd { request.removesWhenEnded = false }
    var (seconds, patience) = (LeaseRequest().durationSeconds, Self.patienceSeconds)
    try reader.read(.duration, "--for", "a time, as 2h", into: &seconds) { TimeSpan.seconds($0) }
    try reader.read(.patience, "--patience", "a time, as 60s", into: &patience) {
      TimeSpan.seconds($0).flatMap { $0 <= 86_400 ? $0 : nil }
    }
    let id = try randomBytes(16, for: "choose a request id", advice: "try again")
    var wish = PlacementWish(request, requestID: id, durationSeconds: seconds)
    if let text = arguments.value(.isa) {
      guard let isa = ISALevel(rawValue: text) else {
        throw reader.wrong("--isa \(text)", "i586-nolock, geode, i686-sse2 or x86_64")
      }
      wish.isa = isa
    }
    self.session = session
    self.wish = wish
    deadline = Clock.now().advanced(milliseconds: patience * 1000)
  }

  func run() throws(Failure) -> CInt {
    nodes = try Neighbours.ask(session.client)
    if session.arguments.has(.elsewhere) { nodes.removeAll { $0.candidate.isOwn } }
    try session.client.watch(signals: [SIGINT, SIGTERM])
    let order = PlacementOrder(nodes.map { $0.candidate }, for: wish)
    var placement = Placement(wish, order, deadline: deadline)
    var step = placement.begin(now: Clock.now())
    while true {
      if case .end(let outcome) = step { return try finish(outcome, placement.reasons) }
      let answer = try perform(step)
      if interrupts > 0 { placement.interrupt() }
      step = placement.take(answer, now: Clock.now())
    }
  }

  // MARK: Steps

  private func perform(_ step: Placement.Step) throws(Failure) -> Placement.Answer {
    switch step {
    case .lease(let node):
      if let refusal = try lackOfImage(node) { return refusal }
      return try ask(node, .post, ["leases"], wish.lease.value, as: Placement.Answer.init(lease:))
    case .run(let node, let lease):
      var request = wish.container
      request.lease = lease
      return try ask(node, .post, ["containers"], request.value) { _ in .done }
    case .lookAtLease(let node, let id):
      try wait(for: node)
      return try ask(node, .get, ["leases", "\(id)"], as: Placement.Answer.init(lease:))
    case .lookAtContainer(let node):
      return try ask(node, .get, ["containers", wish.container.name], as: Placement.Answer.init(container:))
    case .remove(let node):
      return try ask(node, .delete, ["containers", wish.container.name], query: ["force"]) { _ in .done }
    case .release(let node, let id): return try ask(node, .delete, ["leases", "\(id)"]) { _ in .done }
    case .end: return .done
    }
  }

  /// A node without the image is not asked for a lease; nil: it has it, or none is needed.
  private func lackOfImage(_ node: Int) throws(Failure) -> Placement.Answer? {
    let (name, manifest) = (wish.container.image, wish.container.manifest)
    if manifest.isEmpty { return nil }
    let answer = try ask(node, .get, ["images", name]) { image in
      if image[.manifest]?.bytesValue == manifest { return .done }
      return .refused(RequestError(.notFound, "image \(name): another one has that name there: push this one, too"))
    }
    return answer == .done ? nil : answer
  }

  private func ask(
    _ node: Int, _ code: CoAPCode, _ path: [String], _ payload: CBORValue? = nil, query: [String] = [],
    as answer: (CBORValue) -> Placement.Answer
  ) throws(Failure) -> Placement.Answer {
    let client = client(of: node)
    client.deadline = Clock.now().advanced(milliseconds: Self.answerMilliseconds)
    var isSent = false
    do throws(Failure) {
      try connect(client)
      try noteInterrupt(client)
      isSent = true
      let message = try reply(to: try client.send(code, path, query: query, payload: payload), client)
      if !message.code.isSuccess { return .refused(Self.refusal(message)) }
      return answer(try Client.content(of: message))
    } catch {
      talk = nil
      if error.kind == .outputClosed || interrupts > 1 { throw error }
      try noteInterrupt(client)
      return isSent ? .lost(error.line) : .unsent(error.line)
    }
  }

  /// An agent that died is started again by its keeper within moments: what became of a container is asked then.
  private func wait(for node: Int) throws(Failure) {
    if talk != nil { return }
    let client = client(of: node)
    client.deadline = Clock.now().advanced(milliseconds: Self.answerMilliseconds)
    do throws(Failure) { try client.reconnect() } catch {
      talk = nil
      try noteInterrupt(client)
    }
  }

  /// The conversation with a node, of which there is one at a time.
  private func client(of node: Int) -> Client {
    if let talk, talk.node == node { return talk.client }
    let client = Client(nodes[node].destination)
    client.watch(as: session.client)
    talk = (node, client)
    return client
  }

  /// An interrupt meanwhile is for later: what is to be taken back needs the connection.
  private func connect(_ client: Client) throws(Failure) {
    do throws(Failure) { return try client.connect() } catch {
      if client.lastSignal == 0 { throw error }
    }
    try noteInterrupt(client)
    try client.connect()
  }

  private func reply(to token: [UInt8], _ client: Client) throws(Failure) -> CoAPMessage {
    while true {
      switch try client.next() {
      case .message(let message) where message.token == token: return message
      case .signal: try noteInterrupt(client)
      case .outputClosed: throw Failure(.outputClosed, "")
      case .message, .timeout, .input: break
      }
    }
  }

  /// The first interrupt has everything taken back, the second one does not wait for it.
  private func noteInterrupt(_ client: Client) throws(Failure) {
    guard let signal = client.takeSignal() else { return }
    interrupts += 1
    if interrupts > 1 {
      throw Failure(.exit(128 + signal), "interrupted: what was leased last goes after 30 s by itself")
    }
  }

  private static func refusal(_ message: CoAPMessage) -> RequestError {
    RequestError(RequestError.Kind(message.code), Client.problem(of: message))
  }

  // MARK: The end

  private func finish(
    _ outcome: Placement.Outcome, _ reasons: [(node: Int, line: String)]
  ) throws(Failure) -> CInt {
    let name = wish.container.name
    switch outcome {
    case .placed(let node, let lease): return try placed(node, lease)
    case .interrupted: throw Failure(.exit(128 + SIGINT), "interrupted: \(name) runs nowhere")
    case .nobody:
      Output.complain(
        "\(name): no node takes it\(reasons.isEmpty ? ": `microctl nodes` lists those that are there" : ":")")
    case .unclear(let node):
      let there = nodes[node].candidate.isOwn ? "" : "--node \(nodes[node].name) "
      Output.complain(
        "\(name): \(nodes[node].name) does not tell whether it runs there: `microctl \(there)ps --all` does, once it answers"
      )
    }
    for reason in reasons { Output.complain("  \(nodes[reason.node].name): \(reason.line)") }
    return ExitCode.notStarted
  }

  private func placed(_ node: Int, _ lease: UInt64) throws(Failure) -> CInt {
    let (name, place) = (wish.container.name, nodes[node].name)
    if session.arguments.has(.detach) {
      if session.isJSON {
        var map = CBORMap()
        map[.name] = .text(name)
        map[.node] = .text(place)
        map[.lease] = .unsigned(lease)
        try session.output.json(.map(map))
      } else {
        try session.output.line(Text.clean("\(name) \(place)"))
      }
      return ExitCode.success
    }
    Output.complain("\(name) runs on \(place), in lease \(lease)")
    let client = client(of: node)
    client.deadline = nil
    var request = wish.container
    request.lease = lease
    let there = Session(arguments: session.arguments, client: client, output: session.output)
    let attachment = Attachment(request, there, isStarted: true)
    let code = try attachment.run()
    if attachment.hasEnded { try tidyUp(client, lease) }
    return code
  }

  /// Nobody needs the place any more.
  private func tidyUp(_ client: Client, _ lease: UInt64) throws(Failure) {
    try session.output.flush()
    client.deadline = Clock.now().advanced(milliseconds: Self.answerMilliseconds)
    do throws(Failure) {
      if removesAtEnd { _ = try client.request(.delete, ["containers", wish.container.name], query: ["force"]) }
      _ = try client.request(.delete, ["leases", "\(lease)"])
    } catch {
      Output.complain("lease \(lease): it could not be released: \(error.line)")
    }
  }
}
