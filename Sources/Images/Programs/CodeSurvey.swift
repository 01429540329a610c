import Basics

/// What is found in a program's i386 code, read from its first byte to its last.
///
/// There are tables among code, and behind them the reading may be out of step for some bytes. So what is found counts when
/// the flow ends in which it stands, by a jump or a return, and all of it was what a program may have.
struct CodeSurvey {
  /// How often a feature was found, by its bit.
  private var sites = [UInt32](repeating: 0, count: ProcessorFeatures.bits)
  private var pending = [UInt32](repeating: 0, count: ProcessorFeatures.bits)
  private var instructions: UInt32 = 0
  private var pendingInstructions: UInt32 = 0
  private var isPlausible = true
  /// Whether it finds out what the processor has. Where in doubt, it does.
  private(set) var asksProcessor = false

  /// Fewer may be what a table happens to look like.
  private static let leastSites: UInt32 = 4
  /// Beside code that asks what the processor has, a feature is needed for sure where it is all over the program, as a compiler
  /// spreads it and no choice does: at least so often, and so many times in a thousand instructions.
  private static let leastSpreadSites: UInt32 = 64
  private static let leastSpreadPerThousand: UInt32 = 1
  /// What compilers spread. What is done by SSE is done faster, and so what programs choose.
  private static let spread: ProcessorFeatures = [.conditionalMove]

  /// Read at once.
  private static let windowBytes = 32 * 1024
  /// Of a program with more code the rest is not read: it takes a board seconds.
  private static let mostBytes: UInt64 = 32 << 20

  /// Reads all code of a program.
  init(reading parts: [ElfPart], _ read: (UInt64, Int) -> ArraySlice<UInt8>) {
    var left = Self.mostBytes
    for part in parts {
      var at = part.offset
      let end = at + min(part.byteCount, left)
      left -= end - at
      while at < end {
        let wanted = Int(min(UInt64(Self.windowBytes), end - at))
        var code = read(at, wanted)
        let isLast = code.count < wanted || at + UInt64(wanted) == end
        if isLast { code += [UInt8](repeating: 0, count: Instruction.mostBytes) }
        at += UInt64(self.read(code))
        if isLast { break }
      }
      endFlow()
    }
  }

  /// Reads code, and says how much of it: all but an instruction that may go on behind it.
  private mutating func read(_ code: ArraySlice<UInt8>) -> Int {
    var at = code.startIndex
    while code.endIndex - at >= Instruction.mostBytes {
      let instruction = Instruction(code[at...])
      take(instruction)
      at += instruction.length
    }
    return at - code.startIndex
  }

  private mutating func take(_ instruction: Instruction) {
    // What fills up behind a jump is never run.
    if instruction.kind == .padding, pendingInstructions == 0 { return }
    pendingInstructions += 1
    if !instruction.features.isEmpty {
      for bit in 0..<ProcessorFeatures.bits where instruction.features.rawValue >> UInt16(bit) & 1 != 0 {
        pending[bit] += 1
      }
    }
    switch instruction.kind {
    case .plain, .padding: break
    case .asksProcessor: asksProcessor = true
    case .unlikely: isPlausible = false
    case .endsFlow: endFlow()
    }
  }

  private mutating func endFlow() {
    for bit in 0..<ProcessorFeatures.bits {
      if isPlausible { sites[bit] += pending[bit] }
      pending[bit] = 0
    }
    if isPlausible { instructions += pendingInstructions }
    pendingInstructions = 0
    isPlausible = true
  }

  /// What the program cannot do without, and what it may come to where it does not choose otherwise.
  var verdict: (sure: ProcessorFeatures, perhaps: ProcessorFeatures) {
    var (sure, perhaps): (ProcessorFeatures, ProcessorFeatures) = ([], [])
    for bit in 0..<ProcessorFeatures.bits where sites[bit] > 0 {
      let feature = ProcessorFeatures(rawValue: 1 << UInt16(bit))
      if isSure(feature, sites[bit]) { sure.insert(feature) } else { perhaps.insert(feature) }
    }
    return (sure, perhaps)
  }

  private func isSure(_ feature: ProcessorFeatures, _ sites: UInt32) -> Bool {
    // Where it has LOCK, it mostly goes well.
    if feature == .lock { return false }
    if !asksProcessor { return sites >= Self.leastSites }
    return Self.spread.contains(feature) && sites >= Self.leastSpreadSites
      && sites >= instructions / 1000 * Self.leastSpreadPerThousand
  }
}
