// A program for tests: the unpacker and the reader of archives without an agent.
//
//   unpack-driver unpack <blob> <directory> <digest> <first host id> <bytes> <entries> <milliseconds> [<file>...]
//
// unpacks a layer, in the control groups whose files these are, and prints each report: `progress <blob bytes>`, then `done <bytes> <entries> <skipped>` or `failed <why>`.
//
//   unpack-driver list <archive>
//
// prints an archive's entries as we read them, or on standard error why it is none.
//
//   unpack-driver needs <program>
//
// prints what a program needs for sure, what it may need, and what loads it: a line each.
//
//   unpack-driver instructions <code>
//
// prints where each instruction of i386 code begins, how long it is, and what it asks for.
import Basics
import CSystem
import Images
import LinuxSystem
import Unpacker

private func say(_ line: String, on descriptor: CInt = 1) {
  let bytes = Array((line + "\n").utf8)
  _ = bytes.withUnsafeBytes { system_write(descriptor, $0.baseAddress, $0.count) }
}

private func unpack(_ arguments: [String]) -> CInt {
  let numbers = arguments[3..<7].compactMap { Decimal.parse($0) }
  guard numbers.count == 4, let digest = Digest(arguments[2]) else { return 2 }
  var job = UnpackJob(
    blob: arguments[0], digest: digest, directory: arguments[1],
    owners: LayerOwners(firstHostID: UInt32(numbers[0])),
    limits: LayerLimits(bytes: numbers[1], entries: UInt32(numbers[2])), timeoutMilliseconds: numbers[3])
  job.controlGroupFiles = Array(arguments[7...])
  do throws(SystemError) {
    let unpacker = try Unpacker.start(job)
    while let message = try unpacker.reports.receive(limitBytes: UnpackReport.maximumBytes, wait: true) {
      if message.bytes.isEmpty { break }
      switch UnpackReport(message.bytes) {
      case .progress(let count)?: say("progress \(count)")
      case .done(let summary)?: say("done \(summary.bytes) \(summary.entries) \(summary.skipped)")
      case .notice(let line)?: say("notice \(line)")
      case .failed(let line)?: say("failed \(line)")
      case nil: say("nonsense")
      }
    }
    _ = system_wait_for_end(unpacker.process)
    return 0
  } catch {
    say("\(error)", on: 2)
    return 1
  }
}

private func list(_ path: String) throws(SystemError) -> CInt {
  let file = try FileDescriptor.open(path, O_RDONLY)
  var reader = TarReader()
  var buffer = [UInt8](repeating: 0, count: 64 * 1024)
  while true {
    let count = buffer.withUnsafeMutableBytes { system_read(file.rawValue, $0.baseAddress, $0.count) }
    try check(count, "read", path)
    var piece = buffer[..<Int(count)]
    do throws(TarError) {
      if count == 0 {
        try reader.finish()
        return 0
      }
      while let event = try reader.next(&piece) {
        if case .entry(let entry) = event { say(line(entry)) }
      }
    } catch {
      say("\(error)", on: 2)
      return 1
    }
  }
}

/// All of an entry, with tabs between; names in hexadecimal, as they may hold anything.
private func line(_ entry: TarEntry) -> String {
  let kind =
    switch entry.kind {
    case .file: "file"
    case .hardLink: "hard link"
    case .symbolicLink: "symbolic link"
    case .characterDevice: "character device"
    case .blockDevice: "block device"
    case .directory: "directory"
    case .fifo: "fifo"
    }
  let attributes = entry.attributes.map { Hexadecimal.text($0.name) + "=" + Hexadecimal.text($0.value) }
  return [
    kind, Hexadecimal.text(entry.path), Hexadecimal.text(entry.linkTarget), "\(entry.mode)", "\(entry.user)",
    "\(entry.group)", "\(entry.sizeBytes)", "\(entry.modified.seconds)", "\(entry.modified.nanoseconds)",
    "\(entry.deviceMajor)", "\(entry.deviceMinor)", attributes.joined(separator: ","),
  ].joined(separator: "\t")
}

private func needs(_ path: String) throws(SystemError) -> CInt {
  let file = try FileDescriptor.open(path, O_RDONLY)
  let needs = ProgramNeeds { offset, count in
    var buffer = [UInt8](repeating: 0, count: count)
    let result = buffer.withUnsafeMutableBytes {
      system_pread(file.rawValue, $0.baseAddress, $0.count, Int64(clamping: offset))
    }
    return buffer[..<max(0, Int(result))]
  }
  guard let needs else { return 1 }
  for line in [needs.sure.description, needs.perhaps.description, ASCII.string(needs.loader)] { say(line) }
  return 0
}

private func instructions(_ path: String) throws(SystemError) -> CInt {
  let code = try Files.read(path, limitBytes: 64 << 20) + [UInt8](repeating: 0, count: Instruction.mostBytes)
  var at = 0
  while at + Instruction.mostBytes < code.count {
    let instruction = Instruction(code[at...])
    say("\(at)\t\(instruction.length)\t\(instruction.features)")
    at += instruction.length
  }
  return 0
}

@_cdecl("unpack_driver_main")
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  let words = (1..<max(1, Int(count))).map { arguments[$0].map { String(cString: $0) } ?? "" }
  switch (words.first, words.count) {
  case ("unpack", 8...): return unpack(Array(words[1...]))
  case ("list", 2), ("needs", 2), ("instructions", 2):
    do throws(SystemError) {
      switch words[0] {
      case "list": return try list(words[1])
      case "needs": return try needs(words[1])
      default: return try instructions(words[1])
      }
    } catch {
      say("\(error)", on: 2)
      return 1
    }
  default:
    say("usage: see Tests/UnpackDriver/UnpackDriver.swift", on: 2)
    return 2
  }
}
