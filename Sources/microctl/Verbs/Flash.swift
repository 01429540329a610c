import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

let flashVerb = Verb(
  name: "flash", operands: "IMAGE DEVICE",
  summary: "Write a board's image, with your settings, to a card, stick or disk",
  leastOperands: 2, mostOperands: 2,
  options: [
    Option(
      .owner, "owner", value: "KEY", choices: ["self", "none"], "Whose it is: a key, self, none (self, if you have one)"
    ),
    Option(.microcloud, "microcloud", value: "NAME", "The microcloud that it is to be in"),
    Option(.microcloudKey, "microcloud-key", value: "KEY", "The key that says who is a member or an owner there"),
    Option(.gossipKey, "gossip-key", value: "KEY", "What that microcloud's gossip is sealed with"),
    Option(.set, "set", value: "NAME=VALUE", "Any other setting of docs/CONFIGURATION.md; may be repeated"),
    Option(.yes, "yes", short: "y", "Do not ask"),
    Option(.dryRun, "dry-run", "Say what would be done, and write nothing"),
    Option(.file, "file", "DEVICE may be a regular file that is large enough, for a virtual machine"),
  ],
  notes: """
    Everything on DEVICE is lost: it is shown first, and its name asked for. A disk that is in use, or that this machine
    runs from, is refused. What was written is read back from the medium. No private key goes onto it.
    As root another key is yours: write `sudo microctl flash IMAGE DEVICE --owner $(microctl key)`.

    """
) { session throws(Failure) in
  try Flash(session).run()
}

/// Writes one image to one device.
struct Flash {
  private let session: Session
  private let settings: FlashSettings

  init(_ session: Session) throws(Failure) {
    self.session = session
    settings = try FlashSettings(session.arguments)
  }

  func run() throws(Failure) -> CInt {
    let (imagePath, devicePath) = (session.arguments.operands[0], session.arguments.operands[1])
    let target = try FlashTarget(devicePath, allowsFile: session.arguments.has(.file))
    try show(target.facts)
    var (layout, imageBytes) = try FlashImage.survey(imagePath)
    if let reason = target.facts.refusal(neededBytes: max(layout.neededBytes, imageBytes)) {
      throw Failure(.refused, "flash: \(reason)")
    }
    try prepare(&layout, for: target, imagePath)
    if session.arguments.has(.dryRun) {
      try say("nothing was written (--dry-run)")
      return ExitCode.success
    }
    try target.openForWriting()
    try ask(target.facts.name)
    let writer = try FlashWriter(target, layout, imageBytes: imageBytes)
    do throws(Failure) {
      try writer.write(FlashImage(imagePath))
      try writer.verify()
    } catch {
      throw Failure(error.kind, "\(error.line); \(target.facts.name) is of no use until it is flashed again")
    }
    target.showPartitions()
    try tell(writer.writtenBytes, target)
    return ExitCode.success
  }

  private func prepare(_ layout: inout FlashLayout, for target: FlashTarget, _ imagePath: String) throws(Failure) {
    do throws(FlashProblem) { try layout.put(settings.lines) } catch {
      throw Failure(.refused, "flash \(imagePath): \(error.text)")
    }
    layout.growData(toEndOf: target.facts.sizeBytes)
    try say("goes into \(FlashLayout.configurationName):\(settings.lines.isEmpty ? " nothing" : "")")
    for line in settings.lines {
      try say("  " + (Configuration.secrets.contains(line.name) ? "\(line.name) = (not shown)" : line.text))
    }
    if !settings.ownerNote.isEmpty { try say(settings.ownerNote) }
  }

  // MARK: What a person reads

  private func show(_ facts: DiskFacts) throws(Failure) {
    try say("\(facts.name): \(facts.model.isEmpty ? "" : facts.model + ", ")\(ByteCount.short(facts.sizeBytes))")
    var table = Table(["", "PART", "SIZE", "WHAT IS THERE"])
    for part in facts.partitions.isEmpty ? [facts.whole] : facts.partitions {
      let name = facts.partitions.isEmpty ? "no partitions" : part.name
      let size = facts.partitions.isEmpty ? "" : ByteCount.short(part.sizeBytes)
      table.add(["", name, size, Text.joined([part.content] + part.uses, by: "  ")])
    }
    if !session.isJSON { try session.output.write(table.text) }
  }

  private func say(_ line: String) throws(Failure) {
    if !session.isJSON { try session.output.line(Text.clean(line)) }
  }

  private func ask(_ name: String) throws(Failure) {
    if session.arguments.has(.yes) { return }
    guard system_is_terminal(0) != 0 else {
      throw Failure(.usage, "flash: there is no terminal to ask at: --yes goes on without")
    }
    try session.output.flush()
    let question = "Everything on \(name) will be lost. Type its name to go on: "
    Output.writeErrors(Array(Text.clean(question).utf8))
    var answer = [UInt8](repeating: 0, count: 4096)
    let count = answer.withUnsafeMutableBytes { system_read(0, $0.baseAddress, $0.count) }
    guard ASCII.trim(answer.prefix(max(0, Int(count)))).elementsEqual(name.utf8) else {
      throw Failure(.refused, "flash: that is not \(name): nothing was written")
    }
  }

  private func tell(_ writtenBytes: UInt64, _ target: FlashTarget) throws(Failure) {
    guard session.isJSON else {
      return try say(
        "\(target.facts.name): \(ByteCount.short(writtenBytes)) written and read back: put it into the board")
    }
    var map = CBORMap()
    map[text: "device"] = .text(target.facts.name)
    map[text: "writtenBytes"] = .unsigned(writtenBytes)
    map[text: "settings"] = .array(settings.lines.map { .text($0.name) })
    try session.output.json(.map(map))
  }
}
