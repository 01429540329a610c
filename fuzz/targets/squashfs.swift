// sources: Sources/Images/Squashfs Sources/Images/Tar Sources/Basics
// No entry's name leads out, reading ends, and nothing grows with what an image claims. Compressed blocks are taken as they
// are, so that what is in them can be changed, too; of the library that inflates them others take care.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSquashfs(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let image = Image(Array(UnsafeBufferPointer(start: start, count: count)))
  do throws(SquashfsError) {
    var reader = try SquashfsReader(image)
    try read(&reader, inodes: image.inodeCount)
  } catch {
    precondition(!error.description.isEmpty)
  }
  return 0
}

private final class Image: SquashfsSource {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// As its header says.
  var inodeCount: Int { bytes[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) } }

  func read(_ count: Int, at offset: UInt64) throws(SquashfsError) -> ArraySlice<UInt8> {
    precondition(count <= 1 << 20, "more than a block at a time")
    guard offset <= UInt64(bytes.count), count <= bytes.count - Int(offset) else {
      throw SquashfsError(.truncated, offset: offset)
    }
    return bytes[Int(offset)...].prefix(count)
  }

  func inflate(_ count: Int, at offset: UInt64, limitBytes: Int) throws(SquashfsError) -> ArraySlice<UInt8> {
    precondition(limitBytes <= 1 << 20, "more than a block at a time")
    return try read(count, at: offset).prefix(limitBytes)
  }
}

private func read(_ reader: inout SquashfsReader<Image>, inodes: Int) throws(SquashfsError) {
  var names: Set<[UInt8]> = []
  var entry: TarEntry?
  var dataBytes: UInt64 = 0
  var directories = 0
  // A layer's plan counts entries; here only some are looked at.
  var rest = 20_000
  while rest > 0 {
    let event = try reader.next()
    rest -= 1
    switch event {
    case nil:
      precondition(dataBytes == entry?.sizeBytes, "a file that is not whole")
      return
    case .entry(let next)?:
      if let entry { precondition(dataBytes == entry.sizeBytes, "a file that is not whole") }
      check(next)
      if next.kind == .directory { directories += 1 }
      precondition(directories <= inodes, "a directory in two places")
      if next.kind == .hardLink { precondition(names.contains(next.linkTarget), "a link to what was not there") }
      names.insert(next.path)
      entry = next
      dataBytes = 0
    case .data(let bytes)?:
      precondition(!bytes.isEmpty, "a piece of nothing")
      dataBytes += UInt64(bytes.count)
      precondition(dataBytes <= entry?.sizeBytes ?? 0, "more data than the entry has")
    }
  }
}

private func check(_ entry: TarEntry) {
  precondition(entry.path.isEmpty == (entry.kind == .directory && entry.path.isEmpty), "a nameless file")
  precondition(entry.path.count <= TarLimits.pathBytes && !entry.path.contains(0))
  if !entry.path.isEmpty {
    for part in ASCII.split(entry.path[...], at: UInt8(ascii: "/")) {
      precondition(!part.isEmpty && part.count <= TarLimits.nameBytes)
      precondition(!part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8), "a name that leads out")
    }
  }
  precondition(entry.linkTarget.count <= TarLimits.pathBytes && !entry.linkTarget.contains(0))
  precondition(entry.kind == .file || entry.sizeBytes == 0)
  precondition(entry.mode <= 0o7777 && entry.attributes.count <= TarLimits.attributes)
  precondition(entry.attributes.allSatisfy { !$0.name.contains(0) && $0.value.count <= TarLimits.extensionBytes })
}
