import CSystem

/// The memory that the program's own code and constants take.
public enum ProgramMemory {
  /// A process that had nothing to do for so long gives back what its work needed; work in a row pays for it once.
  public static let quietMilliseconds: UInt64 = 1000

  /// Gives back the code and constants that work so far has brought in. What is needed again comes back from the page
  /// cache, 64 KiB around each place: waiting needs a few such pieces, while starting a container needs nearly all.
  public static func release() {
    _ = system_release_program()
  }
}
