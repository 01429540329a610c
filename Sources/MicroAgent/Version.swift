/// What these programs are.
public enum Version {
  /// The version of agent and command alike.
  public static let text = "0.1.0"

  /// The instructions this build is made of, by the target's name in cross/targets.sh; what it runs on may know more.
  #if TARGET_I586
    public static let instructionSet = "i586"
  #elseif TARGET_ATOM32
    public static let instructionSet = "atom32"
  #elseif TARGET_ATOM64
    public static let instructionSet = "atom64"
  #else
    public static let instructionSet = "x86_64"
  #endif
}
