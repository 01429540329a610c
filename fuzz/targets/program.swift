// sources: Sources/Images/Programs Sources/Basics
// Whatever a program's file says, reading it ends, asks for no more than it may, and finds no loader but a path.

/// So many bytes are asked for at once at most: of tables with all the parts that are looked at.
private let mostAtOnce = 64 * 1024
/// The code that is read at most, by pieces of which each goes on, and what else is asked for.
private let mostReads = 64 * 1024 * 1024 / 32

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzProgram(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let file = Array(UnsafeBufferPointer(start: start, count: count))
  var reads = 0
  let needs = ProgramNeeds { offset, count in
    precondition(count >= 0 && count <= mostAtOnce, "more than a piece at a time")
    reads += 1
    precondition(reads < mostReads, "no end")
    return file.dropFirst(Int(clamping: offset)).prefix(count)
  }
  if let needs {
    precondition(needs.sure.isDisjoint(with: needs.perhaps), "for sure, and perhaps")
    precondition(needs.loader.isEmpty || needs.loader.first == 0x2F && !needs.loader.contains(0), "no path")
    precondition(needs.loader.count <= ProgramNeeds.mostLoaderBytes, "a path that is too long")
  }
  return 0
}
