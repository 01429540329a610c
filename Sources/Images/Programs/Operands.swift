/// What follows an opcode of i386 code.
enum Operands: UInt8 {
  case none = 0x2E  // .
  /// A byte that names registers or memory, and what it asks for.
  case modRM = 0x6D  // m
  case modRMByte = 0x42  // B
  /// A number of the operands' size: four bytes, or two.
  case modRMNumber = 0x5A  // Z
  /// As TEST has a number among instructions that have none.
  case modRMTest = 0x67  // g
  case byte = 0x62  // b
  case number = 0x7A  // z
  case word = 0x77  // w
  /// Of the addresses' size.
  case address = 0x61  // a
  // The same, of what no compiler writes for a program.
  case unlikely = 0x78  // x
  case unlikelyModRM = 0x58  // X
  case unlikelyByte = 0x69  // i
  /// A segment and an address in it.
  case unlikelyFar = 0x46  // F
  case unlikelyWord = 0x57  // W
  case unlikelyEnter = 0x45  // E

  /// Sixteen opcodes a line.
  private static let oneByte: StaticString = """
    mmmmbzxxmmmmbzx.\
    mmmmbzxxmmmmbzxx\
    mmmmbz.xmmmmbz.x\
    mmmmbz.xmmmmbz.x\
    ................\
    ................\
    ..XX....zZbBxxxx\
    bbbbbbbbbbbbbbbb\
    BZBBmmmmmmmmmmmm\
    ..........F.....\
    aaaa....bz......\
    bbbbbbbbzzzzzzzz\
    BBw.XXBZE.Wx.bxx\
    mmmmiix.mmmmmmmm\
    bbbbiiiizzFbxxxx\
    .x..x.gg..xx..mm
    """

  /// Those after 0x0F.
  private static let twoBytes: StaticString = """
    XmXXx.xxxxx.xm.B\
    mmmmmmmmmmmmmmmm\
    XXXXxxxxmmmmmmmm\
    x.x..xx.xxxxxxxx\
    mmmmmmmmmmmmmmmm\
    mmmmmmmmmmmmmmmm\
    mmmmmmmmmmmmmmmm\
    BBBBmmm.XXxxmmmm\
    zzzzzzzzzzzzzzzz\
    mmmmmmmmmmmmmmmm\
    ...mBmmm..xmBmmm\
    mmmmmmmmmmBmmmmm\
    mmBmBBBm........\
    mmmmmmmmmmmmmmmm\
    mmmmmmmmmmmmmmmm\
    mmmmmmmmmmmmmmmX
    """

  static func oneByte(_ opcode: UInt8) -> Operands {
    Operands(rawValue: oneByte.utf8Start[Int(opcode)]) ?? .unlikely
  }

  static func twoBytes(_ opcode: UInt8) -> Operands {
    Operands(rawValue: twoBytes.utf8Start[Int(opcode)]) ?? .unlikely
  }

  var hasModRM: Bool {
    switch self {
    case .modRM, .modRMByte, .modRMNumber, .modRMTest, .unlikelyModRM: true
    default: false
    }
  }

  var isUnlikely: Bool {
    switch self {
    case .unlikely, .unlikelyModRM, .unlikelyByte, .unlikelyFar, .unlikelyWord, .unlikelyEnter: true
    default: false
    }
  }

  /// How many bytes they are, of those that follow `opcode`.
  func length(_ code: ArraySlice<UInt8>, has16BitOperands: Bool, has16BitAddresses: Bool, _ opcode: UInt8) -> Int {
    let number = has16BitOperands ? 2 : 4
    let memory = hasModRM ? Self.memoryLength(code, has16BitAddresses) : 0
    switch self {
    case .none, .modRM, .unlikely, .unlikelyModRM: return memory
    case .byte, .unlikelyByte, .modRMByte: return memory + 1
    case .number, .modRMNumber: return memory + number
    case .word, .unlikelyWord: return 2
    case .address: return has16BitAddresses ? 2 : 4
    case .unlikelyFar: return number + 2
    case .unlikelyEnter: return 3
    case .modRMTest:
      if code[code.startIndex] & 0x30 != 0 { return memory }
      return memory + (opcode & 1 == 0 ? 1 : number)
    }
  }

  /// Of the byte that names registers or memory, and of what says where that memory is.
  private static func memoryLength(_ code: ArraySlice<UInt8>, _ has16BitAddresses: Bool) -> Int {
    let (mode, register) = (code[code.startIndex] >> 6, code[code.startIndex] & 7)
    if mode == 3 { return 1 }
    if has16BitAddresses { return mode == 0 ? (register == 6 ? 3 : 1) : 1 + Int(mode) }
    let hasScale = register == 4
    let base = hasScale ? code[code.startIndex + 1] & 7 : register
    let length = hasScale ? 2 : 1
    switch mode {
    case 0: return base == 5 ? length + 4 : length
    case 1: return length + 1
    default: return length + 4
    }
  }
}
