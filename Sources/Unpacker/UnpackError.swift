import Basics

/// Why a layer was not unpacked, as one line for a person.
struct UnpackError: Error {
  let line: String

  /// Names in the line are a stranger's, and no terminal is to obey them.
  init(_ reason: String) {
    var line = "unpack the layer: "
    for scalar in reason.unicodeScalars { line.unicodeScalars.append(scalar.isControl ? "?" : scalar) }
    self.line = line
  }

  /// What another of these has said.
  init(passedOn line: String) {
    self.line = line
  }
}

/// What a module below throws, as the line that a person reads.
@discardableResult
func said<Value: ~Copyable, Failure: Error & CustomStringConvertible>(
  _ body: () throws(Failure) -> Value
) throws(UnpackError) -> Value {
  do throws(Failure) {
    return try body()
  } catch {
    throw UnpackError(error.description)
  }
}
