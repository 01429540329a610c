import Basics
import CSystem
import EventLoop
import LinuxSystem
import MicroAgent

/// The board's button: whatever input device has a key to restart with.
final class Button {
  private let loop: EventLoop
  private let onChange: (ButtonPress.Wish?) -> Void
  private var press = ButtonPress()
  private var timer: Timer?
  private var watchers: [DescriptorWatcher] = []

  private static let maximumDevices = 8
  /// `struct input_event`: the time as two of the kernel's words, and eight bytes.
  private static let eventBytes = 2 * MemoryLayout<Int>.size + 8
  private static let maximumEvents = 16

  /// - Parameter onChange: is called when something is wanted, and with nil when the press goes on to another stage.
  init(_ root: BoardRoot, on loop: EventLoop, onChange: @escaping (ButtonPress.Wish?) -> Void) throws(SystemError) {
    self.loop = loop
    self.onChange = onChange
    let names = ((try? Files.list(root.inputs)) ?? []).filter { $0.utf8.starts(with: "event".utf8) }
    for name in names.sorted().prefix(Self.maximumDevices) {
      // Whoever may not be read is no button.
      guard let device = try? FileDescriptor.open("\(root.inputs)/\(name)", for: .readingAndWriting).release() else {
        continue
      }
      try watch(device)
    }
    timer = try Timer(on: loop) { [unowned(unsafe) self] in follow(press.tick(now: self.loop.now)) }
  }

  var stage: ButtonPress.Stage? { press.stage }

  func close() {
    timer?.close()
    for watcher in watchers { watcher.close() }
  }

  private func watch(_ device: CInt) throws(SystemError) {
    let index = watchers.count
    let watcher = try DescriptorWatcher(on: loop, owning: FileDescriptor(owning: device)) { [unowned(unsafe) self] _ in
      if !read(device) { watchers[index].stop() }
    }
    try watcher.start(.readable)
    watchers.append(watcher)
  }

  /// False: the device is gone.
  private func read(_ device: CInt) -> Bool {
    var bytes = [UInt8](repeating: 0, count: Self.maximumEvents * Self.eventBytes)
    let count = bytes.withUnsafeMutableBytes { system_read(device, $0.baseAddress, $0.count) }
    if count <= 0 { return count == -Int(Errno.wouldBlock.rawValue) }
    // The kernel gives whole events only.
    for start in stride(from: 0, through: Int(count) - Self.eventBytes, by: Self.eventBytes) {
      guard let isDown = InputEvent.isPress(bytes[start..<(start + Self.eventBytes)]) else { continue }
      if isDown {
        press.press(now: loop.now)
        follow(nil)
      } else {
        follow(press.release(now: loop.now))
      }
    }
    return true
  }

  private func follow(_ wish: ButtonPress.Wish?) {
    if let deadline = press.nextDeadline {
      timer?.start(milliseconds: deadline.milliseconds(since: loop.now))
    } else {
      timer?.stop()
    }
    onChange(wish)
  }
}
