import Basics
import CSystem
import LinuxSystem
import Testing

@testable import EventLoop

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct WatcherTests {
  @Test func signalsBecomeTurnsOfTheLoop() throws {
    let loop = try EventLoop()
    var count = 0
    let watcher = try SignalWatcher(on: loop, signal: SIGUSR1) { count += 1 }
    kill(getpid(), SIGUSR1)
    try run(loop, until: { count == 1 })
    watcher.close()
    watcher.close()
    #expect(count == 1)
  }

  @Test func aSignalThatCannotBeWatchedIsAnErrorOfOneLine() throws {
    let loop = try EventLoop()
    let error = #expect(throws: SystemError.self) { _ = try SignalWatcher(on: loop, signal: SIGKILL) {} }
    #expect(error?.description == "watch signal 9: Invalid argument")
    expectAllClosed(loop, made: 1)
  }

  @Test func tellsOfReadableDescriptorsUntilStopped() throws {
    let loop = try EventLoop()
    let pipe = try FileDescriptor.pipe(nonblocking: true)
    let count = Box(0)
    let watcher = Box<DescriptorWatcher?>(nil)
    watcher.value = try DescriptorWatcher(on: loop, borrowing: pipe.reading.rawValue) { event in
      guard case .ready(let events) = event, events.contains(.readable) else { return }
      count.value += 1
      if count.value == 2 { watcher.value?.stop() }  // nothing was read: it stays readable
    }
    try watcher.value?.start(.readable)
    loop.runOnce()
    #expect(count.value == 0)
    var byte: UInt8 = 1
    #expect(system_write(pipe.writing.rawValue, &byte, 1) == 1)
    try run(loop, until: { count.value == 2 })
    for _ in 0..<3 { loop.runOnce() }
    #expect(count.value == 2)
    watcher.value = nil
    #expect(system_read(pipe.reading.rawValue, &byte, 1) == 1, "borrowed: still open")
  }

  @Test func closesWhatItOwnsAndOnlyThat() throws {
    let loop = try EventLoop()
    let pipe = try FileDescriptor.pipe(nonblocking: true)
    let copy = try check(system_dup(pipe.reading.rawValue, 0), "duplicate")
    let watcher = try DescriptorWatcher(on: loop, owning: FileDescriptor(owning: copy)) { _ in }
    try watcher.start(.readable)
    #expect(isOpen(copy))
    watcher.close()
    watcher.close()
    #expect(!isOpen(copy) && isOpen(pipe.reading.rawValue))
    #expect(throws: SystemError.self) { try watcher.start(.readable) }
    expectAllClosed(loop, made: 1)
  }

  @Test func seesTheOtherEndClose() throws {
    let loop = try EventLoop()
    var ends: (CInt, CInt) = (-1, -1)
    withUnsafeMutablePointer(to: &ends) {
      $0.withMemoryRebound(to: CInt.self, capacity: 2) {
        #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, $0) == 0)
      }
    }
    var seen: DescriptorEvents = []
    let watcher = try DescriptorWatcher(on: loop, owning: FileDescriptor(owning: ends.0)) { event in
      if case .ready(let events) = event { seen.formUnion(events) }
    }
    try watcher.start([.readable, .disconnected])
    system_close(ends.1)
    try run(loop, until: { seen.contains(.disconnected) })
    watcher.close()
  }

  @Test func regularFilesCannotBeWatched() throws {
    let loop = try EventLoop()
    let file = try FileDescriptor.open("/proc/self/exe", O_RDONLY)
    let error = #expect(throws: SystemError.self) {
      _ = try DescriptorWatcher(on: loop, borrowing: file.rawValue) { _ in }
    }
    #expect(error?.errno == .notPermitted)
    #expect(loop.handleCounts == HandleCounts())
  }

  @Test func tellsOnceThatAChildHasEnded() throws {
    let loop = try EventLoop()
    let child = try spawn(["/bin/sh", "-c", "exit 3"])
    let pidfd = FileDescriptor(owning: try check(system_pidfd_open(child), "open a pidfd"))
    let ends = Box(0)
    let watcher = Box<ChildWatcher?>(nil)
    watcher.value = try ChildWatcher(on: loop, pidfd: pidfd) {
      ends.value += 1
      watcher.value = nil
    }
    try run(loop, until: { ends.value == 1 })
    var status = system_exit_status()
    #expect(system_wait(child, 0, &status) == 0)
    #expect(status.process == child && status.code == 3)
    expectAllClosed(loop, made: loop.handleCounts.made)
    #expect(ends.value == 1)
  }

  @Test func aChildThatEndedBeforeIsToldToo() throws {
    let loop = try EventLoop()
    let child = try spawn(["/bin/true"])
    let pidfd = FileDescriptor(owning: try check(system_pidfd_open(child), "open a pidfd"))
    var wait = pollfd(fd: pidfd.rawValue, events: Int16(POLLIN), revents: 0)
    #expect(poll(&wait, 1, 10_000) == 1)
    var ends = 0
    let watcher = try ChildWatcher(on: loop, pidfd: pidfd) { ends += 1 }
    loop.runOnce()
    for _ in 0..<3 { loop.runOnce() }
    #expect(ends == 1)
    watcher.close()
    var status = system_exit_status()
    #expect(system_wait(child, 0, &status) == 0)
  }

  /// Whether this process has that pipe end open: compared by what it is, for numbers are used again.
  private func isOpen(_ descriptor: CInt) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }

  private func spawn(_ words: [String]) throws -> Int32 {
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    let result = posix_spawn(&child, words[0], nil, nil, &arguments, nil)
    #expect(result == 0)
    return child
  }
}
