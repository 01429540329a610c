/// Finds system calls' numbers by their names. A filter may name all of some hundred calls, of two kinds of programs: the table
/// is gone through once.
struct SyscallNumbers {
  /// Where each name begins in the text, and its length.
  private var names: [(start: Int, count: Int)] = []
  /// By a name's hash, numbers from 1 on; 0 is empty. What finds its place taken goes to the next one.
  private var places = [UInt16](repeating: 0, count: placeCount)
  private let text: StaticString

  /// More than twice as many as there are calls, so that there is always an empty one near.
  private static let placeCount = 1024

  /// - Parameter table: the names from number 0 on, divided by blanks; `-` where there is no call.
  init(_ table: StaticString) {
    text = table
    var start = 0
    for index in 0...table.utf8CodeUnitCount {
      guard index == table.utf8CodeUnitCount || byte(index) == UInt8(ascii: " ") else { continue }
      add(start, index - start)
      start = index + 1
    }
  }

  var count: Int { names.count }

  subscript(name: String) -> Int? {
    let wanted = Array(name.utf8)
    var hash = Self.hashStart
    for byte in wanted { hash = Self.hash(hash, byte) }
    var place = Self.place(hash)
    while places[place] != 0 {
      let number = Int(places[place]) - 1
      if isEqual(names[number], wanted) { return number }
      place = (place + 1) % Self.placeCount
    }
    return nil
  }

  private mutating func add(_ start: Int, _ count: Int) {
    names.append((start, count))
    if count == 1, byte(start) == UInt8(ascii: "-") { return }
    var hash = Self.hashStart
    for index in start..<start + count { hash = Self.hash(hash, byte(index)) }
    var place = Self.place(hash)
    while places[place] != 0 { place = (place + 1) % Self.placeCount }
    places[place] = UInt16(names.count)
  }

  private func isEqual(_ name: (start: Int, count: Int), _ wanted: [UInt8]) -> Bool {
    guard name.count == wanted.count else { return false }
    for index in 0..<name.count where byte(name.start + index) != wanted[index] { return false }
    return true
  }

  private func byte(_ index: Int) -> UInt8 { text.utf8Start[index] }

  // FNV-1a.
  private static let hashStart: UInt32 = 2_166_136_261
  private static func hash(_ hash: UInt32, _ byte: UInt8) -> UInt32 { (hash ^ UInt32(byte)) &* 16_777_619 }
  private static func place(_ hash: UInt32) -> Int { Int((hash ^ hash >> 16) % UInt32(placeCount)) }
}
