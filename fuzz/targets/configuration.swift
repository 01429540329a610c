// sources: Sources/Basics Sources/Microcloud Sources/MicroAgent
// Any bytes are settings that hold what they promise, and are the same when written and read again; or one short line
// for a person that names the line.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConfiguration(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  do throws(ConfigurationError) {
    check(try Configuration(parsing: input), input)
  } catch {
    let lines = input.count { $0 == 0x0A } + 1
    precondition((1...lines).contains(error.line), "a line that is not there")
    precondition(isOneLine(error.description), "more than a line for a person")
  }
  return 0
}

private func check(_ settings: Configuration, _ input: [UInt8]) {
  let text = """
    state-directory = \(settings.stateDirectory)
    runtime-directory = \(settings.runtimeDirectory)
    cgroup = \(settings.cgroup)
    first-user-id = \(settings.firstUserID)
    memory-reserve = \(settings.memoryReserveBytes)
    """
  precondition(try! Configuration(parsing: Array(text.utf8)) == settings, "other settings when read again")
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

private func isOneLine(_ text: String) -> Bool {
  text.utf8.count <= 1500 && !text.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\t" }
}
