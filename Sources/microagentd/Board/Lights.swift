import Basics
import LinuxSystem
import MicroAgent

/// The board's lights (Documentation/leds/leds-class.rst). What they show is the kernel's to do, so nothing is done here
/// until something else is to be shown.
final class Lights {
  /// For the system, membership and containers; where there are fewer, the last ones are not shown.
  private let directories: [String]
  private var shown: BoardLights?

  private static let flashMilliseconds: UInt64 = 200
  private static let pauseMilliseconds: UInt64 = 1400

  /// The board's own: `alix:1` and the like in the order of their names, and not those of keyboards, cards or radios, which
  /// have a function in their names or no colon at all.
  init(_ root: BoardRoot) {
    let names = ((try? Files.list(root.lights)) ?? []).filter { name in
      let parts = ASCII.split(Array(name.utf8)[...], at: UInt8(ascii: ":"))
      return parts.count > 1 && !parts[1].isEmpty
    }
    directories = names.sorted().prefix(3).map { "\(root.lights)/\($0)" }
  }

  func show(_ lights: BoardLights) {
    guard lights != shown else { return }
    let before = shown.map { [$0.system, $0.membership, $0.containers] }
    let patterns = [lights.system, lights.membership, lights.containers]
    for (index, directory) in directories.enumerated() where before?[index] != patterns[index] {
      show(patterns[index], directory)
    }
    shown = lights
  }

  private func show(_ pattern: BoardLights.Pattern, _ directory: String) {
    switch pattern {
    case .off, .on:
      set("trigger", "none", directory)
      set("brightness", pattern == .on ? "255" : "0", directory)
    case .blink(let on, let off):
      set("trigger", "timer", directory)
      set("delay_on", "\(on)", directory)
      set("delay_off", "\(off)", directory)
    case .flashes(let count):
      // A kernel that cannot count says at least that there is something.
      if !set("trigger", "pattern", directory) { return show(.quick, directory) }
      set("pattern", Self.flashes(count), directory)
    }
  }

  /// Pairs of brightness and milliseconds (ledtrig-pattern); 0 ms between two, or it would be dimmed.
  private static func flashes(_ count: UInt64) -> String {
    var text = ""
    for number in 1...max(1, count) {
      let pause = number == count ? pauseMilliseconds : flashMilliseconds
      text += "255 \(flashMilliseconds) 255 0 0 \(pause) 0 0 "
    }
    return text
  }

  /// False: this kernel does not know it.
  @discardableResult
  private func set(_ file: String, _ text: String, _ directory: String) -> Bool {
    (try? Files.write(text + "\n", to: "\(directory)/\(file)")) != nil
  }
}
