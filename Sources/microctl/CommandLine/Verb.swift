/// One thing that `microctl` can do.
struct Verb: Sendable {
  let name: String
  /// As in help: `ROOTFS COMMAND [ARG...]`.
  let operands: String
  let summary: String
  let leastOperands: Int
  /// nil: any number.
  let mostOperands: Int?
  /// What follows the first operand belongs to a program, whatever it looks like.
  var endsOptionsAtOperand = false
  let options: [Option]
  /// What more there is to know; whole lines.
  var notes = ""
  let perform: @Sendable (Session) throws(Failure) -> CInt
}

/// What a verb works with.
struct Session {
  let arguments: Arguments
  let client: Client
  let output: Output

  var isJSON: Bool { arguments.has(.json) }
  /// The one operand of a verb that takes one.
  var operand: String { arguments.operands[0] }
}
