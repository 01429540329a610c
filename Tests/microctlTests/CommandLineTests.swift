import MicroAgent
import Testing

@testable import microctl

private func parse(_ arguments: String...) throws -> CommandLineParser.Invocation {
  try CommandLineParser.parse(arguments, verbs: allVerbs)
}

private func request(_ arguments: String...) throws -> ContainerRequest {
  try ContainerRequest(try CommandLineParser.parse(["run"] + arguments, verbs: allVerbs).arguments, verb: "run")
}

private func refusal(_ arguments: String...) -> String? {
  do {
    let invocation = try CommandLineParser.parse(arguments, verbs: allVerbs)
    if invocation.verb?.name == "run" { _ = try ContainerRequest(invocation.arguments, verb: "run") }
    return nil
  } catch {
    return error.kind == .usage ? error.line : "not a usage error"
  }
}

@Suite struct CommandLineParsing {
  @Test func valuesFollowOrAreAttached() throws {
    for form in [["--name", "dns"], ["--name=dns"]] {
      let parsed = try CommandLineParser.parse(["run"] + form + ["/r", "sh"], verbs: allVerbs)
      #expect(parsed.arguments.value(.name) == "dns")
      #expect(parsed.arguments.operands == ["/r", "sh"])
    }
    for form in [["-m", "4M"], ["-m4M"], ["-m=4M"]] {
      let parsed = try CommandLineParser.parse(["run"] + form + ["/r", "sh"], verbs: allVerbs)
      #expect(parsed.arguments.value(.memory) == "4M")
    }
  }

  @Test func optionsEndAtTheRootFileSystem() throws {
    let parsed = try parse("run", "-d", "/r", "ls", "-l", "--name=x", "--", "-d")
    #expect(parsed.arguments.operands == ["/r", "ls", "-l", "--name=x", "--", "-d"])
    #expect(parsed.arguments.value(.name) == nil)
  }

  @Test func elsewhereOptionsMayFollowOperands() throws {
    let parsed = try parse("rm", "dns", "-f", "--", "-odd")
    #expect(parsed.arguments.has(.force))
    #expect(parsed.arguments.operands == ["dns", "-odd"])
  }

  @Test func flagsJoinAndTheLastMayTakeAValue() throws {
    let parsed = try parse("logs", "-fn", "5", "dns")
    #expect(parsed.arguments.has(.follow))
    #expect(parsed.arguments.value(.tail) == "5")
  }

  @Test func globalOptionsStandAnywhereBeforeAProgram() throws {
    #expect(try parse("--socket", "/s", "ps").arguments.value(.socket) == "/s")
    #expect(try parse("ps", "--socket=/s", "--json").arguments.has(.json))
  }

  @Test func theLetterHIsHelpExceptWhereDockerHasTheHostName() throws {
    #expect(try parse("ps", "-h").arguments.has(.help))
    let run = try parse("run", "-h", "box", "/r", "sh").arguments
    #expect(run.value(.hostname) == "box")
    #expect(!run.has(.help))
  }

  @Test func whatIsWrongIsToldWithWhatWouldBeRight() {
    #expect(refusal("rnu") == "there is no command 'rnu': did you mean `microctl run`?")
    #expect(refusal("run", "--memroy", "4M") == "run: there is no option --memroy: did you mean --memory?")
    #expect(refusal("ps", "--wombat") == "ps: there is no option --wombat: `microctl ps --help` lists the options")
    #expect(refusal("ps", "--all=yes") == "ps: --all takes no value")
    #expect(refusal("run", "-m") == "run: -m needs a value: -m BYTES")
    #expect(refusal("run") == "run: something is missing: write `microctl run IMAGE|ROOTFS [COMMAND] [ARG...]`")
    #expect(refusal("inspect", "a", "b") == "inspect: 'b' is too much: write `microctl inspect CONTAINER`")
    #expect(refusal("inspect", "") == "inspect: an empty name names nothing: write `microctl inspect CONTAINER`")
    #expect(refusal("run", "--memory", "lots", "/r", "sh") == "run: --memory lots: give a size, as 4M")
    #expect(refusal("run", "-u", "root", "/r", "sh") == "run: --user root: give numbers, as 1000 or 1000:1000")
    #expect(refusal("run", "-v", "/a", "/r", "sh") == "run: --volume /a: give SOURCE:TARGET or SOURCE:TARGET:ro")
    #expect(
      refusal("run", "--publish", "http", "/r", "sh")
        == "run: publication http: write TYPE:PORT[:DESCRIPTION], as http:8080:Our library")
    #expect(
      refusal("publish", "a:1", "b:2")
        == "publish: 'b:2' is too much: write `microctl publish [TYPE:PORT[:DESCRIPTION]]`")
    #expect(refusal("run", "--userns=private", "/r", "sh") == "run: --userns private: give host, or leave it out")
  }

  @Test func everyOptionOfRunReachesTheRequest() throws {
    var found = try request(
      "--name", "dns", "-m", "4M", "--pids-limit", "9", "--cpus", ".25", "--restart", "on-failure:3", "--network=host",
      "-e", "A=0", "-e", "A=1", "--env=B=", "-h", "box", "-u", "7:8", "--read-only", "-w", "/srv",
      "-v", "/data:/d:ro", "-v", "/x:/y", "--publish", "http:80:Our: library", "--publish=Docker:8080",
      "--log-size", "32K", "--stop-timeout", "3", "--userns", "host", "--rm", "/r", "prog", "--flag")
    // What it is made of is found out later.
    #expect(found.root.isEmpty && found.manifest.isEmpty)
    found.root = "/r"
    var expected = ContainerRequest()
    expected.name = "dns"
    expected.root = "/r"
    expected.command = ["prog", "--flag"]
    expected.environment = ["A=1", "B="]
    expected.workingDirectory = "/srv"
    (expected.user, expected.group) = (7, 8)
    expected.hostname = "box"
    expected.readOnlyRoot = true
    expected.network = .host
    expected.userNamespace = false
    expected.mounts = [
      .init(source: "/data", target: "/d", readOnly: true), .init(source: "/x", target: "/y", readOnly: false),
    ]
    expected.publications = [
      Publication(type: "http", port: 80, description: "Our: library"), Publication(type: "Docker", port: 8080),
    ]
    expected.budget.memoryBytes = 4 << 20
    expected.budget.processes = 9
    expected.budget.cpuMillis = 250
    expected.budget.logBytes = 32 << 10
    expected.restart = .onFailure(maximumRestarts: 3)
    expected.removesWhenEnded = true
    expected.graceMilliseconds = 3000
    #expect(found == expected)
    #expect(found.problem == nil)
  }

  @Test func helpNamesEveryOptionAndLettersThatHold() {
    for verb in allVerbs {
      let text = Help.verb(verb)
      for option in verb.options { #expect(text.contains("--\(option.long[0])"), "\(verb.name)") }
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 }, "\(verb.name)")
    }
    #expect(!Help.verb(runVerb).contains("-h, --help"))
    #expect(Help.verb(psVerb).contains("-h, --help"))
  }

  @Test func noVerbHasAnOptionTwice() {
    for verb in allVerbs {
      let words = verb.options.flatMap { $0.long } + globalOptions.flatMap { $0.long }
      #expect(Set(words).count == words.count, "\(verb.name)")
      let letters = verb.options.compactMap { $0.short }
      #expect(Set(letters).count == letters.count, "\(verb.name)")
    }
  }
}
