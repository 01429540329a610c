// sources: Sources/Basics Sources/Microcloud Sources/MicroAgent Sources/Netlink Sources/Crypto
// C: Sources/CSystem/random.c -lmbedcrypto
// Any bytes are settings that hold what they promise, and are the same when written and read again; or one short line
// for a person that names the line. Read with tolerance they are settings in any case: the same ones, or those of the lines
// that are right, and a shell reads what it is told as what it is.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConfiguration(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  checkOtherTexts(input)
  do throws(ConfigurationError) {
    check(try Configuration(parsing: input), input)
  } catch {
    let lines = input.count { $0 == 0x0A } + 1
    precondition((1...lines).contains(error.line), "a line that is not there")
    precondition(isOneLine(error.description), "more than a line for a person")
    checkTolerated(input, error)
    return 0
  }
  checkTolerated(input, nil)
  return 0
}

/// What a bridge says of itself is the same when written and read again; a resolv.conf names at most three servers.
private func checkOtherTexts(_ input: [UInt8]) {
  if let label = BridgeNetwork.Label(ASCII.string(input[...])) {
    precondition(BridgeNetwork.Label(label.text) == label, "another label when read again")
  }
  let servers = NameServers.parse(input)
  precondition(servers.count <= BridgeSettings.maximumNameServers, "too many name servers")
  precondition(
    NameServers.parse(Array(NameServers.text(servers).utf8)) == servers, "other name servers when read again")
}

private func checkTolerated(_ input: [UInt8], _ error: ConfigurationError?) {
  let (settings, problems) = Configuration.tolerating(input)
  precondition((error == nil) == (problems.count == 0), "tolerance for what is right, or none for what is wrong")
  precondition(problems.lines.first == error.map { "\($0)" }, "another problem is told first")
  precondition(problems.lines.count <= ConfigurationProblems.maximumTold + 1, "more than a person mends")
  check(settings, input)
  // Names and addresses only, so that no quote ends a value but the one behind it.
  for line in settings.shellText.utf8.split(separator: 0x0A) {
    precondition(line.count { $0 == 0x27 } == 2 && line.last == 0x27, "a value that is not one word")
  }
}

private func check(_ settings: Configuration, _ input: [UInt8]) {
  let written = text(settings)
  precondition(text(try! Configuration(parsing: Array(written.utf8))) == written, "other settings when read again")
  precondition(settings.controlSocket.utf8.count <= Configuration.maximumSocketPathBytes)
  precondition(settings.firstUserID >= 1 && settings.firstUserID + Configuration.idCount - 1 < UInt64(UInt32.max))
  let defaults = Configuration()
  for path in [settings.stateDirectory, settings.runtimeDirectory] {
    precondition(path.utf8.first == 0x2F && isOneLine(path), "a path that cannot be shown")
    if path == defaults.stateDirectory || path == defaults.runtimeDirectory { continue }
    let stands = input.indices.contains { input[$0...].starts(with: path.utf8) }
    precondition(stands, "a path that is not what the file says")
  }
}

/// A file that says all of it.
private func text(_ settings: Configuration) -> String {
  """
  state-directory = \(settings.stateDirectory)
  runtime-directory = \(settings.runtimeDirectory)
  cgroup = \(settings.cgroup)
  first-user-id = \(settings.firstUserID)
  """ + "\n" + (settings.memoryReserveBytes.map { "memory-reserve = \($0)\n" } ?? "") + text(settings.offer) + "\n"
    + text(settings.node) + "\n" + text(settings.board)
    + "\n" + text(settings.bridge)
}

private func text(_ bridge: BridgeSettings) -> String {
  var lines = ["containers-together = \(bridge.areTogether ? "on" : "off")"]
  if let address = bridge.address { lines.append("container-address = \(address)") }
  if let address = bridge.addressV6 { lines.append("container-address6 = \(address)") }
  let servers = bridge.nameServers.map { "\($0)" }
  if !servers.isEmpty { lines.append("container-dns = \(servers.joined(separator: " "))") }
  let reach = bridge.reach.map { "\($0)" }
  if !reach.isEmpty { lines.append("container-reach = \(reach.joined(separator: " "))") }
  return lines.joined(separator: "\n")
}

private func text(_ board: BoardSettings) -> String {
  var lines = ["network = \(board.network.map { "\($0)" } ?? "dhcp")", "home-address = \(board.homeAddress)"]
  if let router = board.router { lines.append("router = \(router)") }
  let lists = [
    ("dns", board.nameServers.map { "\($0)" }), ("ntp", board.timeServers.map { "\($0)" }), ("home", board.home),
    ("uplink", board.uplink.isEmpty ? [] : [board.uplink]), ("ssh-key", board.loginKey.isEmpty ? [] : [board.loginKey]),
  ]
  for (name, values) in lists where !values.isEmpty { lines.append("\(name) = \(values.joined(separator: " "))") }
  return lines.joined(separator: "\n")
}

private func text(_ offer: OfferSettings) -> String {
  var lines = [
    "offer-memory = \(text(offer.memory))", "offer-cpu = \(offer.cpuPercent)%", "offer-disk = \(text(offer.disk))",
    "offer-processes = \(offer.processes)", "offer-containers = \(offer.containers)",
    "lease-to = \(offer.policy.lessees)", "lease-longest = \(offer.policy.longestSeconds)",
    "lease-share = \(offer.policy.sharePercent)%", "lease-roots = \(offer.policy.rootsDirectory)",
    "guifi-node = \(offer.guifiNode)",
  ]
  if !offer.zone.isEmpty { lines.append("zone = \(offer.zone)") }
  if !offer.contact.isEmpty { lines.append("contact = \(offer.contact)") }
  return lines.joined(separator: "\n")
}

private func text(_ share: OfferSettings.Share) -> String {
  switch share {
  case .percent(let percent): "\(percent)%"
  case .bytes(let bytes): "\(bytes)"
  }
}

private func text(_ node: NodeSettings) -> String {
  var lines: [String] = []
  if !node.name.isEmpty { lines.append("name = \(node.name)") }
  if let owner = node.owner { lines.append("owner = \(Hexadecimal.text(owner.compressed))") }
  if let key = node.microcloudKey { lines.append("microcloud-key = \(Hexadecimal.text(key.compressed))") }
  lines.append("coap-port = \(node.coapPort)")
  if !node.interfaces.isEmpty { lines.append("interfaces = \(node.interfaces.joined(separator: ", "))") }
  if !node.microcloud.isOn { lines.append("microcloud = off") }
  if let name = node.microcloudName { lines.append("microcloud = \(name)") }
  if let keys = node.gossipKeys {
    lines.append("gossip-key = \(keys.keys.map { ASCII.string(Base64.encoded($0)) }.joined(separator: ","))")
  }
  if node.publicCluster.isOn { lines.append("public = on") }
  lines += text("microcloud", node.microcloud) + text("public", node.publicCluster)
  return lines.joined(separator: "\n")
}

private func text(_ name: String, _ membership: MembershipSettings) -> [String] {
  var lines = [
    "\(name)-port = \(membership.profile.port)",
    "\(name)-family = \(membership.profile.family == .v4 ? "ipv4" : "ipv6")",
    "\(name)-profile = "
      + (membership.profile.membership == .lan ? "lan" : membership.profile.membership == .wan ? "wan" : "local"),
  ]
  if !membership.contacts.isEmpty {
    lines.append("\(name)-contacts = \(membership.contacts.map { "\($0)" }.joined(separator: " "))")
  }
  if let address = membership.advertised { lines.append("\(name)-advertise = \(address)") }
  return lines
}

private func isOneLine(_ text: String) -> Bool {
  text.utf8.count <= 1500 && !text.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\t" }
}
