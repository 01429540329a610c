import Basics
import TestSupport
import Testing

@testable import EventLoop

#if canImport(Glibc)
  import Glibc
#endif

/// Runs a loop until `isDone`, or fails the test: a guard against a hang, not a measurement.
func run(_ loop: EventLoop, until isDone: @escaping () -> Bool, sourceLocation: SourceLocation = #_sourceLocation)
  throws
{
  var hung = false
  let guardTimer = try Timer(on: loop) {
    hung = true
    loop.stop()
  }
  guardTimer.start(milliseconds: 10_000)
  while !isDone() && !hung {
    let tick = try Timer(on: loop) { loop.stop() }
    tick.start(milliseconds: 1)
    loop.run()
    tick.close()
  }
  guardTimer.close()
  #expect(!hung, "the loop did not get there in 10 s", sourceLocation: sourceLocation)
}

/// Turns the loop until libuv has given back every handle that was closed, then compares.
func expectAllClosed(_ loop: EventLoop, made: Int, sourceLocation: SourceLocation = #_sourceLocation) {
  for _ in 0..<3 { loop.runOnce() }
  #expect(loop.handleCounts == HandleCounts(made: made, closed: made), sourceLocation: sourceLocation)
}

/// A holder that closures can share.
final class Box<Value> {
  var value: Value
  init(_ value: Value) { self.value = value }
}

extension TemporaryDirectory {
  var socket: String { file("s") }
}
