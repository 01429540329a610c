// sources: Sources/Images/Tar Sources/Images/Layers Sources/Images/Manifests/Shown.swift Sources/Basics
// No entry's name leads out, nothing grows with what an archive claims, and how the bytes are cut changes nothing. What
// a layer's plan makes of the entries stays within its limits, and below its top.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTar(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  check(input)
  check(withRightChecksums(input))
  return 0
}

/// A changed header is refused for its checksum, whatever else is wrong with it: what is behind that is to be tried, too.
private func withRightChecksums(_ input: [UInt8]) -> [UInt8] {
  var archive = input
  for start in stride(from: 0, to: archive.count - 511, by: 512)
  where archive[(start + 257)...].starts(with: "ustar".utf8) {
    for index in start + 148..<start + 156 { archive[index] = 0x20 }
    var sum = archive[start..<start + 512].reduce(0) { $0 + UInt32($1) }
    for index in (start + 148..<start + 154).reversed() {
      archive[index] = 0x30 + UInt8(sum & 7)
      sum >>= 3
    }
  }
  return archive
}

private func check(_ input: [UInt8]) {
  let count = input.count
  let whole = read(input, pieces: max(1, count))
  let cut = read(input, pieces: 1 + Int(input.first ?? 0) * 3)
  precondition(whole.entries == cut.entries && whole.data == cut.data && whole.error == cut.error, "cuts change it")
  var dataBytes = 0
  for (entry, data) in zip(whole.entries, whole.data) {
    check(entry)
    precondition(UInt64(data.count) <= entry.sizeBytes, "more data than the entry has")
    dataBytes += data.count
  }
  precondition(dataBytes <= count)
  plan(whole.entries)
}

private struct Reading {
  var entries: [TarEntry] = []
  var data: [[UInt8]] = []
  var error: TarError?
}

private func read(_ bytes: [UInt8], pieces: Int) -> Reading {
  var reader = TarReader()
  var reading = Reading()
  var rest = bytes[...]
  do throws(TarError) {
    while !rest.isEmpty {
      var piece = rest.prefix(pieces)
      rest = rest.dropFirst(piece.count)
      while let event = try reader.next(&piece) {
        switch event {
        case .entry(let entry):
          reading.entries.append(entry)
          reading.data.append([])
        case .data(let bytes): reading.data[reading.data.count - 1] += bytes
        }
      }
    }
    precondition(reader.position == UInt64(bytes.count))
    try reader.finish()
  } catch {
    precondition(error.offset <= UInt64(bytes.count) && !error.description.isEmpty)
    reading.error = error
  }
  return reading
}

private func check(_ entry: TarEntry) {
  checkPath(entry.path)
  precondition(!entry.path.isEmpty || entry.kind == .directory, "a nameless file")
  if entry.kind == .hardLink { checkPath(entry.linkTarget) }
  precondition(entry.linkTarget.count <= TarLimits.pathBytes && !entry.linkTarget.contains(0))
  precondition(entry.kind == .file || entry.sizeBytes == 0)
  precondition(entry.mode <= 0o7777 && entry.modified.nanoseconds < 1_000_000_000)
  precondition(entry.attributes.count <= TarLimits.attributes)
}

private func checkPath(_ path: [UInt8]) {
  if path.isEmpty { return }
  precondition(path.count <= TarLimits.pathBytes && !path.contains(0))
  for part in ASCII.split(path[...], at: UInt8(ascii: "/")) {
    precondition(!part.isEmpty && part.count <= TarLimits.nameBytes)
    precondition(!part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8), "a name that leads out")
  }
}

private func plan(_ entries: [TarEntry]) {
  let limits = LayerLimits(bytes: 5000, entries: 20)
  var plan = LayerPlan(owners: LayerOwners(firstHostID: 100_000), limits: limits)
  var bytes: UInt64 = 0
  for entry in entries {
    do throws(LayerError) {
      switch try plan.step(for: entry) {
      case .make(let made):
        checkPath(made.path)
        precondition((100_000..<165_536).contains(made.user) && (100_000..<165_536).contains(made.group))
        precondition(made.kind != .characterDevice && made.kind != .blockDevice)
        precondition(made.attributes.allSatisfy { !$0.name.starts(with: "trusted.".utf8) })
      case .whiteout(let path), .opaque(let path): checkPath(path)
      case .skip: break
      }
      bytes += entry.sizeBytes
    } catch {
      precondition(!error.description.isEmpty)
    }
  }
  precondition(plan.entries <= limits.entries && plan.skipped <= plan.entries)
}
