import Basics
import CSystem

/// One step of a launch plan, as the C executor reads it (executor.h): an operation, its numbers, its strings.
struct Step: Equatable {
  var operation: executor_operation
  var numbers: [UInt32] = []
  var strings: [String] = []
}

/// Steps in the bytes that the executor walks. The bytes are the truth: whatever is printed is decoded from them.
public struct StepList: Hashable, Sendable {
  public private(set) var bytes: [UInt8] = []
  public private(set) var count = 0
  /// The first string that held a NUL, which no C program could be told.
  private(set) var badText: String?

  /// - Parameter expectedBytes: room made at once; growing there would have the allocator ask the kernel for each size
  ///   between.
  init(expectedBytes: Int = 0) {
    bytes.reserveCapacity(expectedBytes)
  }

  mutating func append(_ operation: executor_operation, _ numbers: [UInt32] = [], _ strings: [String] = []) {
    let start = bytes.count
    for word in [operation.rawValue, 0, UInt32(numbers.count), UInt32(strings.count)] { append(word) }
    for number in numbers { append(number) }
    for string in strings { append(string) }
    while bytes.count % 4 != 0 { bytes.append(0) }
    put(UInt32(bytes.count - start), at: start + 4)
    count += 1
  }

  private mutating func append(_ word: UInt32) {
    for byte in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(8 * byte))) }
  }

  private mutating func append(_ string: String) {
    for byte in string.utf8 {
      if byte == 0, badText == nil { badText = string }
      bytes.append(byte)
    }
    bytes.append(0)
  }

  /// Writes a word in the machine's order: every machine we run on puts the low byte first.
  private mutating func put(_ word: UInt32, at index: Int) {
    for byte in 0..<4 { bytes[index + byte] = UInt8(truncatingIfNeeded: word >> UInt32(8 * byte)) }
  }

  private func word(at index: Int) -> UInt32 {
    var word: UInt32 = 0
    for byte in 0..<4 { word |= UInt32(bytes[index + byte]) << UInt32(8 * byte) }
    return word
  }

  /// Where in the bytes each step stands.
  var ranges: [Range<Int>] {
    var ranges: [Range<Int>] = []
    var at = 0
    while at < bytes.count {
      let next = at + Int(word(at: at + 4))
      ranges.append(at..<next)
      at = next
    }
    return ranges
  }

  /// The steps again, read from the bytes.
  var steps: [Step] {
    var steps: [Step] = []
    var at = 0
    while at < bytes.count {
      var step = Step(operation: executor_operation(rawValue: word(at: at)))
      let next = at + Int(word(at: at + 4))
      let numberCount = Int(word(at: at + 8))
      let stringCount = Int(word(at: at + 12))
      for index in 0..<numberCount { step.numbers.append(word(at: at + 16 + 4 * index)) }
      var start = at + 16 + 4 * numberCount
      for _ in 0..<stringCount {
        var end = start
        while bytes[end] != 0 { end += 1 }
        step.strings.append(ASCII.string(bytes[start..<end]))
        start = end + 1
      }
      steps.append(step)
      at = next
    }
    return steps
  }
}

extension UInt64 {
  /// The two 32-bit numbers that a step holds it as.
  var words: [UInt32] { [UInt32(truncatingIfNeeded: self), UInt32(truncatingIfNeeded: self >> 32)] }
}
