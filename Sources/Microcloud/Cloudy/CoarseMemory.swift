/// Free memory in steps, so that what is said of it seldom changes: 8 MiB below 128 MiB, above that an eighth of the
/// power of two below.
public enum CoarseMemory {
  private static let smallestStepMiB: UInt32 = 8

  /// The step at or below so many bytes, in MiB.
  public static func rounded(bytes: UInt64) -> UInt32 {
    let mebibytes = UInt32(clamping: bytes >> 20)
    return mebibytes / step(at: mebibytes) * step(at: mebibytes)
  }

  /// What to say of so much free memory after `told` MiB was said: the same, unless the truth is half a step below or
  /// half a step above all that this stands for.
  public static func next(after told: UInt32, bytes: UInt64) -> UInt32 {
    let rounded = rounded(bytes: bytes)
    let half = UInt64(step(at: min(told, rounded)) / 2) << 20
    let lowest = UInt64(told) << 20
    let next = (UInt64(told) + UInt64(step(at: told))) << 20
    return lowest > half && bytes < lowest - half || bytes >= next + half ? rounded : told
  }

  private static func step(at mebibytes: UInt32) -> UInt32 {
    if mebibytes < 16 * smallestStepMiB { return smallestStepMiB }
    return 1 << UInt32(31 - mebibytes.leadingZeroBitCount) / 8
  }
}
