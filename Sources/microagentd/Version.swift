/// What this program is.
enum Version {
  static let text = "0.1.0"

  /// The instructions this build is made of; what it runs on may know more.
  #if arch(i386)
    static let instructionSet = "i586"
  #else
    static let instructionSet = "x86_64"
  #endif
}
