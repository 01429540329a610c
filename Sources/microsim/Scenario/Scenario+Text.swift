import Basics

// A scenario as lines of words: what is printed of a failure can be put into a file and run again.
extension Scenario {
  var text: String {
    let wide = isWide ? " wide" : ""
    let keyed = isKeyed ? " keyed" : ""
    let leasing = tenants > 0 ? " tenants \(tenants)" : ""
    let world = "world seed \(seed) nodes \(nodes) topology \(topology.kind.rawValue) places \(topology.places)"
    return world + keyed + wide + leasing + "\n" + steps.map { "at \($0.atMilliseconds) \($0.what.text)\n" }.joined()
  }

  /// Nil if a line makes no sense. Empty lines and those that begin with `#` are for people.
  init?(text: String) {
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    guard let first = lines.first, var world = Words(first), world.take("world") else { return nil }
    guard let seed: UInt64 = world.number(after: "seed") else { return nil }
    guard let nodes: Int = world.number(after: "nodes") else { return nil }
    guard world.take("topology"), let kind = world.next().flatMap({ Topology.Kind(rawValue: $0) }) else { return nil }
    guard let places: Int = world.number(after: "places"), nodes > 0 else { return nil }
    self.init(seed: seed, nodes: nodes, topology: Topology(kind, places: places))
    isKeyed = world.take("keyed")
    isWide = world.take("wide")
    tenants = world.number(after: "tenants") ?? 0
    guard tenants >= 0, tenants <= nodes, world.isAtEnd else { return nil }
    for line in lines.dropFirst() {
      guard var words = Words(line), let time: UInt64 = words.number(after: "at"),
        let what = Disturbance(&words), what.isAbout(nodesBelow: nodes), words.isAtEnd
      else { return nil }
      steps.append(Step(atMilliseconds: time, what: what))
    }
  }
}

extension Disturbance {
  var text: String {
    switch self {
    case .crash(let node, let milliseconds, let state):
      "crash \(node)" + (milliseconds.map { " for \($0) finding \(state.rawValue)" } ?? "")
    case .leave(let node, let milliseconds): "leave \(node)" + (milliseconds.map { " for \($0)" } ?? "")
    case .move(let node): "move \(node)"
    case .retag(let node, let bytes): "retag \(node) bytes \(bytes)"
    case .slow(let node, let milliseconds, let asleep, let awake):
      "slow \(node) for \(milliseconds) asleep \(asleep) awake \(awake)"
    case .cut(let cut, let milliseconds): "cut \(cut.text) for \(milliseconds)"
    case .weather(let lost, let delayed, let milliseconds):
      "weather lost \(lost) delayed \(delayed) for \(milliseconds)"
    case .drift(let node, let partsPerMillion): "drift \(node) ppm \(partsPerMillion)"
    case .jump(let node, let milliseconds): "jump \(node) by \(milliseconds)"
    case .lies(let milliseconds): "lies for \(milliseconds)"
    case .fill(let node, let milliseconds): "fill \(node) for \(milliseconds)"
    case .replays(let milliseconds): "replays for \(milliseconds)"
    }
  }

  fileprivate init?(_ words: inout Words) {
    switch words.next() {
    case "crash":
      guard let node: Int = words.number() else { return nil }
      guard let milliseconds: UInt64 = words.number(after: "for") else {
        self = .crash(node: node, milliseconds: nil, finding: .intact)
        return
      }
      guard words.take("finding"), let state = words.next().flatMap({ NodeStore.State(rawValue: $0) })
      else { return nil }
      self = .crash(node: node, milliseconds: milliseconds, finding: state)
    case "leave":
      guard let node: Int = words.number() else { return nil }
      self = .leave(node: node, milliseconds: words.number(after: "for"))
    case "move":
      guard let node: Int = words.number() else { return nil }
      self = .move(node: node)
    case "retag":
      guard let node: Int = words.number(), let bytes: Int = words.number(after: "bytes") else { return nil }
      self = .retag(node: node, bytes: bytes)
    case "slow":
      guard let node: Int = words.number(), let milliseconds: UInt64 = words.number(after: "for"),
        let asleep: UInt64 = words.number(after: "asleep"), let awake: UInt64 = words.number(after: "awake")
      else { return nil }
      self = .slow(node: node, milliseconds: milliseconds, asleep: asleep, awake: awake)
    case "cut":
      guard let cut = Cut(&words), let milliseconds: UInt64 = words.number(after: "for") else { return nil }
      self = .cut(cut, milliseconds: milliseconds)
    case "weather":
      guard let lost: UInt64 = words.number(after: "lost"), let delayed: UInt64 = words.number(after: "delayed"),
        let milliseconds: UInt64 = words.number(after: "for")
      else { return nil }
      self = .weather(lostPerMillion: lost, delayedPerMillion: delayed, milliseconds: milliseconds)
    case "drift":
      guard let node: Int = words.number(), let ppm: Int64 = words.number(after: "ppm") else { return nil }
      self = .drift(node: node, partsPerMillion: ppm)
    case "jump":
      guard let node: Int = words.number(), let milliseconds: UInt64 = words.number(after: "by") else { return nil }
      self = .jump(node: node, forwardMilliseconds: milliseconds)
    case "lies":
      guard let milliseconds: UInt64 = words.number(after: "for") else { return nil }
      self = .lies(milliseconds: milliseconds)
    case "fill":
      guard let node: Int = words.number(), let milliseconds: UInt64 = words.number(after: "for") else { return nil }
      self = .fill(node: node, milliseconds: milliseconds)
    case "replays":
      guard let milliseconds: UInt64 = words.number(after: "for") else { return nil }
      self = .replays(milliseconds: milliseconds)
    default: return nil
    }
  }

  fileprivate func isAbout(nodesBelow count: Int) -> Bool {
    switch self {
    case .crash(let node, _, _), .leave(let node, _), .move(let node), .retag(let node, _), .slow(let node, _, _, _),
      .drift(let node, _), .jump(let node, _), .fill(let node, _):
      node < count
    case .cut, .weather, .lies, .replays: true
    }
  }
}

extension Cut {
  fileprivate var text: String {
    switch side {
    case .place(let place): "place \(place) \(direction.rawValue)"
    case .node(let node): "node \(node) \(direction.rawValue)"
    case .pair(let one, let other): "pair \(one) \(other) \(direction.rawValue)"
    }
  }

  fileprivate init?(_ words: inout Words) {
    let side: Side
    if let place: Int = words.number(after: "place") {
      side = .place(place)
    } else if let node: Int = words.number(after: "node") {
      side = .node(node)
    } else if let one: Int = words.number(after: "pair"), let other: Int = words.number() {
      side = .pair(one, other)
    } else {
      return nil
    }
    guard let direction = words.next().flatMap({ Direction(rawValue: $0) }) else { return nil }
    self.init(side: side, direction: direction)
  }
}

/// A line's words, one after another.
private struct Words {
  private var rest: ArraySlice<Substring>

  init?(_ line: Substring) {
    rest = line.split(separator: " ")[...]
    if rest.isEmpty { return nil }
  }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func next() -> String? { rest.popFirst().map { String($0) } }

  /// Whether the next word is this one; then it is taken.
  mutating func take(_ word: String) -> Bool {
    guard rest.first.map({ $0 == word }) ?? false else { return false }
    rest.removeFirst()
    return true
  }

  mutating func number<Number: FixedWidthInteger>() -> Number? {
    guard let number = rest.first.flatMap({ Number($0) }) else { return nil }
    rest.removeFirst()
    return number
  }

  /// A number behind this word; nothing is taken if the word is another one.
  mutating func number<Number: FixedWidthInteger>(after word: String) -> Number? {
    take(word) ? number() : nil
  }
}
