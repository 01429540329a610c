import Basics
import LinuxSystem
import Testing

@testable import EventLoop

@Suite struct TimerTests {
  @Test func firesOnceAndNotBeforeItsTime() throws {
    let loop = try EventLoop()
    var fired: [Instant] = []
    let timer = try Timer(on: loop) { fired.append(loop.now) }
    let start = loop.now
    timer.start(milliseconds: 20)
    loop.run()  // ends by itself: nothing is left to wait for
    #expect(fired.count == 1)
    // libuv counts whole milliseconds, and rounds its own clock down.
    #expect(fired[0] >= start.advanced(milliseconds: 19))
  }

  @Test func aLongClosureDoesNotMakeTheNextTimerEarly() throws {
    let loop = try EventLoop()
    let started = Box(Instant(nanoseconds: 0))
    let fired = Box(Instant(nanoseconds: 0))
    let second = try Timer(on: loop) { fired.value = loop.now }
    let first = try Timer(on: loop) {
      let until = loop.now.advanced(milliseconds: 40)
      while loop.now < until {}
      started.value = loop.now
      second.start(milliseconds: 20)
    }
    first.start(milliseconds: 0)
    loop.run()
    #expect(fired.value >= started.value.advanced(milliseconds: 19))
  }

  @Test func canBeStartedAgainFromItsOwnClosure() throws {
    let loop = try EventLoop()
    let timer = Box<Timer?>(nil)
    var count = 0
    timer.value = try Timer(on: loop) {
      count += 1
      if count < 3 { timer.value?.start(milliseconds: 0) }
    }
    timer.value?.start(milliseconds: 0)
    loop.run()
    #expect(count == 3)
    timer.value = nil
    expectAllClosed(loop, made: 1)
  }

  @Test func firesInOrderAndStopsWhenTold() throws {
    let loop = try EventLoop()
    var order: [Int] = []
    let late = try Timer(on: loop) { order.append(2) }
    let early = try Timer(on: loop) { order.append(1) }
    let never = try Timer(on: loop) { order.append(3) }
    late.start(milliseconds: 15)
    early.start(milliseconds: 5)
    never.start(milliseconds: 1)
    never.stop()
    loop.run()
    #expect(order == [1, 2])
  }

  @Test func closesOnceWhetherClosedOrDropped() throws {
    let loop = try EventLoop()
    do {
      let timer = try Timer(on: loop) {}
      timer.close()
      timer.close()
      timer.start(milliseconds: 1)  // of no effect
      _ = try Timer(on: loop) {}
    }
    expectAllClosed(loop, made: 2)
  }

  @Test func mayDropItselfInItsOwnClosure() throws {
    let loop = try EventLoop()
    let timer = Box<Timer?>(nil)
    var count = 0
    timer.value = try Timer(on: loop) {
      timer.value = nil
      count += 1
    }
    timer.value?.start(milliseconds: 0)
    loop.run()
    #expect(count == 1)
    expectAllClosed(loop, made: 1)
  }

  @Test func closingLetsTheClosureGo() throws {
    final class Witness {
      let ended: Box<Bool>
      init(_ ended: Box<Bool>) { self.ended = ended }
      deinit { ended.value = true }
    }
    let loop = try EventLoop()
    let ended = Box(false)
    let timer = Box<Timer?>(nil)
    do {
      let witness = Witness(ended)
      timer.value = try Timer(on: loop) { _ = (witness, timer) }
    }
    #expect(!ended.value)
    timer.value?.close()
    #expect(ended.value)
  }

  @Test func aLoopThatGoesTakesItsClosedHandlesAlong() throws {
    var loop: EventLoop? = try EventLoop()
    var timer: Timer? = try Timer(on: loop!) {}
    timer?.start(milliseconds: 1000)
    loop = nil  // the timer still holds it
    #expect(timer != nil)
    timer = nil  // closes the timer, then the loop, without a turn between
  }

  @Test func stopEndsRun() throws {
    let loop = try EventLoop()
    let forever = try Timer(on: loop) {}
    let soon = try Timer(on: loop) { loop.stop() }
    forever.start(milliseconds: 3_600_000)
    soon.start(milliseconds: 0)
    loop.run()
    #expect(loop.runOnce())  // the other timer is still there
  }
}
