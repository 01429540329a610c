import CSystem
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent

/// A program's ends of its streams, until it has them.
final class ProgramStreams {
  var input: FileDescriptor?
  var output: FileDescriptor?
  var errors: FileDescriptor?
  var console: FileDescriptor?

  func descriptors(container: CInt) -> LaunchDescriptors {
    var descriptors = LaunchDescriptors(
      standardOutput: output?.rawValue ?? -1, standardError: errors?.rawValue ?? -1, container: container)
    descriptors.standardInput = input?.rawValue ?? -1
    descriptors.console = console?.rawValue ?? -1
    return descriptors
  }
}

/// What goes to and fro between a program in a container and whoever attends it: by pipes, or by a terminal of the container's,
/// whose other side is the agent's alone and comes from the process that becomes the program.
final class ExecConversation {
  let output = ExecOutput()
  /// Nil: a terminal has one way out.
  let errors: ExecOutput?
  let input: ExecInput
  private let loop: EventLoop
  /// On it the terminal comes; nil: it is there, or there is none.
  private var console: DescriptorWatcher?
  /// Called when something has come or ended.
  var onChange: ((ExecOutput) -> Void)?

  init(hasTerminal: Bool, on loop: EventLoop) {
    self.loop = loop
    errors = hasTerminal ? nil : ExecOutput()
    input = ExecInput(isPipe: !hasTerminal)
    output.onChange = { [unowned(unsafe) self] in onChange?(output) }
    errors?.onChange = { [unowned(unsafe) self] in
      if let errors { onChange?(errors) }
    }
  }

  /// Opens what the program gets.
  func open(_ streams: ProgramStreams) throws(SystemError) {
    guard let errors else { return try openConsole(streams) }
    let input = try FileDescriptor.pipe(nonblocking: false)
    streams.input = .some(input.reading)
    try self.input.attach(input.writing, on: loop)
    let output = try FileDescriptor.pipe(nonblocking: false)
    streams.output = .some(output.writing)
    try self.output.attach(output.reading, on: loop)
    let other = try FileDescriptor.pipe(nonblocking: false)
    streams.errors = .some(other.writing)
    try errors.attach(other.reading, on: loop)
  }

  private func openConsole(_ streams: ProgramStreams) throws(SystemError) {
    let (ours, theirs) = try MessageSocket.pair()
    streams.console = .some(FileDescriptor(owning: theirs))
    let watcher = try DescriptorWatcher(on: loop, owning: FileDescriptor(owning: ours)) { [unowned(unsafe) self] _ in
      takeTerminal()
    }
    console = watcher
    try watcher.start(.readable)
  }

  /// Takes the terminal, if it has come. Without it there is nothing to be said or heard.
  private func takeTerminal() {
    guard let console else { return }
    var bytes: UInt8 = 0
    var descriptors = [CInt](repeating: -1, count: SYSTEM_MESSAGE_DESCRIPTORS)
    var count = 0
    let result = system_receive_message(console.descriptor, &bytes, 1, &descriptors, &count, 0)
    if result == -Int(Errno.wouldBlock.rawValue) { return }
    console.close()
    self.console = nil
    for extra in descriptors[min(1, count)..<count] { _ = system_close(extra) }
    guard count > 0 else { return output.discard() }
    let terminal = FileDescriptor(owning: descriptors[0])
    let copy = system_dup(terminal.rawValue, 3)
    do throws(SystemError) {
      try input.attach(FileDescriptor(owning: try check(copy, "copy", "a terminal's descriptor")), on: loop)
      try output.attach(terminal, on: loop)
    } catch {
      hangUp()
    }
  }

  func resize(to size: TerminalSize) throws(RequestError) {
    guard errors == nil else { throw RequestError(.conflict, "size: the program has no terminal") }
    takeTerminal()
    _ = system_terminal_resize(output.terminal, UInt32(size.rows), UInt32(size.columns))
  }

  /// What has come and is not taken is the last.
  func endOfProgram() {
    takeTerminal()
    console?.close()
    console = nil
    input.close()
    output.endOfProgram()
    errors?.endOfProgram()
  }

  /// All that ever comes was taken.
  var isOver: Bool { output.isTaken && errors?.isTaken ?? true }

  /// Nothing goes to and fro any more. To a terminal's programs the kernel says so (SIGHUP).
  func hangUp() {
    console?.close()
    console = nil
    input.close()
    output.discard()
    errors?.discard()
  }

  func close() {
    onChange = nil
    hangUp()
    output.close()
    errors?.close()
  }
}
