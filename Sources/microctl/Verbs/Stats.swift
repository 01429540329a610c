import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

let statsVerb = Verb(
  name: "stats", operands: "[CONTAINER...]", summary: "Show what containers use of their budgets", leastOperands: 0,
  mostOperands: nil,
  options: [
    Option(.watch, "watch", short: "w", "Again every 2 seconds, until interrupted"),
    Option(.once, "no-stream", alias: "once", "Once (as without --watch)"),
  ]
) { session throws(Failure) in
  guard session.arguments.has(.watch), !session.arguments.has(.once) else {
    try show(try usages(session), before: nil, session)
    return ExitCode.success
  }
  try session.client.watch(signals: [SIGINT, SIGTERM])
  let clears = !session.isJSON && Output.isTerminal
  var before: Sample?
  while true {
    let sample = try usages(session)
    if clears { try session.output.write("\u{1B}[H\u{1B}[2J") }
    try show(sample, before: before, session)
    try session.output.flush()
    before = sample
    switch try session.client.next(timeoutMilliseconds: statsMilliseconds) {
    case .signal: return ExitCode.success
    case .outputClosed: throw Failure(.outputClosed, "")
    case .timeout, .message, .input: break
    }
  }
}

private let statsMilliseconds = 2000

/// What all containers used at one time.
struct Sample {
  let time: Instant
  let usages: [CBORValue]

  /// The share of one core that a container used since an earlier sample, in percent.
  func cpuPercent(of name: String, since before: Sample) -> UInt64? {
    let elapsed = time.nanoseconds - min(time.nanoseconds, before.time.nanoseconds)
    guard elapsed > 0, let now = cpuNanoseconds(of: name), let then = before.cpuNanoseconds(of: name), now >= then,
      now - then <= UInt64.max / 100
    else { return nil }
    return (now - then) * 100 / elapsed
  }

  private func cpuNanoseconds(of name: String) -> UInt64? {
    usages.first { $0[.name]?.textValue == name }?[.cpuNanoseconds]?.unsignedValue
  }
}

private func usages(_ session: Session) throws(Failure) -> Sample {
  let answer = try session.client.fetch(["usage"])
  var usages = answer.arrayValue ?? []
  let names = session.arguments.operands
  for name in names where !usages.contains(where: { $0[.name]?.textValue == name }) {
    throw Failure(.refused, "container \(name): it does not run here: `microctl ps --all` lists what there is")
  }
  if !names.isEmpty { usages.removeAll { !names.contains($0[.name]?.textValue ?? "") } }
  return Sample(time: Clock.now(), usages: usages)
}

private func show(_ sample: Sample, before: Sample?, _ session: Session) throws(Failure) {
  if session.isJSON { return try session.output.json(.array(sample.usages)) }
  try session.output.write(table(of: sample, before: before).text)
}

func table(of sample: Sample, before: Sample?) -> Table {
  var table = Table(
    ["NAME", "MEMORY", "PEAK", "BUDGET", "PROCESSES", "DISK", "CPU TIME"] + (before == nil ? [] : ["CPU"]))
  for usage in sample.usages {
    let name = usage[.name]?.textValue ?? ""
    var row = [
      name, bytes(usage[.memoryUsedBytes]), bytes(usage[.memoryPeakBytes]), bytes(usage[.memoryBytes]),
      "\(count(usage[.processCount])) of \(count(usage[.processes]))",
      usage[.diskUsedBytes] == nil ? "-" : "\(bytes(usage[.diskUsedBytes])) of \(bytes(usage[.diskBytes]))",
      usage[.cpuNanoseconds]?.unsignedValue.map { Duration.processor(nanoseconds: $0) } ?? "-",
    ]
    if let before { row.append(sample.cpuPercent(of: name, since: before).map { "\($0)%" } ?? "-") }
    table.add(row)
  }
  return table
}

private func bytes(_ value: CBORValue?) -> String {
  value?.unsignedValue.map { ByteCount.short($0) } ?? "-"
}

private func count(_ value: CBORValue?) -> String {
  value?.unsignedValue.map { "\($0)" } ?? "-"
}
