/// What these programs are.
public enum Version {
  /// The version of agent and command alike.
  public static let text = "0.1.0"

  /// The instructions this build is made of; what it runs on may know more.
  #if arch(i386)
    public static let instructionSet = "i586"
  #else
    public static let instructionSet = "x86_64"
  #endif
}
