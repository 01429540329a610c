import CSystem
import ContainerRunner
import Foundation
import LinuxSystem
import Synchronization
import Testing

@testable import microagentd

@Suite struct ContainerLogTests {
  /// A log with a container's end of its pipe.
  private func make(capacityBytes: UInt64 = 8192) throws -> (log: ContainerLog, output: CInt) {
    var pipe = try OutputPipe.make()
    let ring = FileDescriptor(owning: try check(system_memfd("test"), "make a ring"))
    let output = pipe.writing.rawValue
    let copy = try check(system_dup(output, 3), "copy")
    pipe.writing = FileDescriptor(owning: try check(system_dup(output, 3), "copy"))
    let log = try ContainerLog(pipe: pipe.reading, ring: ring, capacityBytes: capacityBytes)
    return (log, copy)
  }

  private func write(_ text: String, _ output: CInt) {
    let bytes = Array(text.utf8)
    #expect(system_write(output, bytes, bytes.count) == bytes.count)
  }

  private func text(_ log: ContainerLog, from offset: UInt64 = 0) -> String {
    String(decoding: log.read(from: offset, limitBytes: 1 << 20).bytes, as: UTF8.self)
  }

  @Test func keepsWhatIsWritten() throws {
    let (log, output) = try make()
    defer { _ = system_close(output) }
    #expect(!log.drain())
    write("one\ntwo\n", output)
    #expect(log.drain())
    #expect(text(log) == "one\ntwo\n")
    #expect(log.read(from: 4, limitBytes: 2).bytes == Array("tw".utf8))
    #expect(log.read(from: 999, limitBytes: 2).offset == 8)
  }

  @Test func keepsTheNewestAndGivesTheRestBack() throws {
    let (log, output) = try make(capacityBytes: 8192)
    defer { _ = system_close(output) }
    for number in 0..<2000 {
      write("line \(number)\n", output)
      if number % 100 == 0 { _ = log.drain() }
    }
    log.drainAll()
    #expect(log.endOffset - log.startOffset == 8192)
    let lines = text(log).split(separator: "\n")
    #expect(lines.last == "line 1999")
    #expect(lines.dropFirst().first! > "line 1")
    var status = stat()
    #expect(fstat(log.ringDescriptor, &status) == 0)
    #expect(status.st_blocks * 512 <= 8192 + 4096, "what lies further back takes no memory")
    #expect(log.read(from: 0, limitBytes: 10).offset == log.startOffset)
  }

  /// A container may hand its output to others, which go on when it has ended.
  @Test func takesWhatIsThereAndWaitsForNobody() throws {
    let (log, output) = try make()
    defer { _ = system_close(output) }
    let goesOn = Mutex(true)
    let writers = (0..<8).map { _ in
      let writer = Thread {
        let bytes = [UInt8](repeating: 120, count: 4096)
        while goesOn.withLock({ $0 }) { _ = system_write(output, bytes, bytes.count) }
      }
      writer.start()
      return writer
    }
    for _ in 0..<50 {
      let before = log.endOffset
      log.drainAll()
      // What the pipe held, and what came while the last of it was moved.
      #expect(log.endOffset - before <= 1 << 20)
    }
    goesOn.withLock { $0 = false }
    while !writers.allSatisfy({ $0.isFinished }) { _ = log.drain() }
  }

  @Test func aNewAgentGoesOnWhereTheOldOneStopped() throws {
    let (log, output) = try make()
    defer { _ = system_close(output) }
    write("before\n", output)
    log.drainAll()
    write("between\n", output)
    let pipe = FileDescriptor(owning: try check(system_dup(log.pipeDescriptor, 3), "copy"))
    let ring = FileDescriptor(owning: try check(system_dup(log.ringDescriptor, 3), "copy"))
    let next = try ContainerLog(pipe: pipe, ring: ring, capacityBytes: 8192)
    write("after\n", output)
    next.drainAll()
    #expect(text(next) == "before\nbetween\nafter\n")
  }

  @Test(arguments: [(0, "c\n", 0), (1, "a\nb\nc\n", 4), (2, "a\nb\nc\n", 2), (9, "a\nb\nc\n", 0), (1, "a\nb\nc", 4)])
  func findsTheLastLines(lines: UInt64, written: String, expected: UInt64) throws {
    let (log, output) = try make()
    defer { _ = system_close(output) }
    write(written, output)
    log.drainAll()
    #expect(log.offset(ofLastLines: lines) == (lines == 0 ? UInt64(written.utf8.count) : expected))
  }
}
