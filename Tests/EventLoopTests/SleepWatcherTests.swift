import Testing

@testable import EventLoop

@Suite struct SleepWatcherTests {
  @Test func isCalledBeforeEachSleepAndKeepsNoLoopRunning() throws {
    let loop = try EventLoop()
    var fired = 0
    var sleeps: [Int] = []
    let timer = Box<Timer?>(nil)
    timer.value = try Timer(on: loop) {
      fired += 1
      if fired < 3 { timer.value?.start(milliseconds: 1) }
    }
    let watcher = try SleepWatcher(on: loop) { sleeps.append(fired) }
    timer.value?.start(milliseconds: 1)
    loop.run()  // ends by itself once the timer has nothing more to do
    #expect(fired == 3)
    #expect(sleeps.contains(0) && sleeps.contains(1) && sleeps.contains(2))
    timer.value = nil
    watcher.close()
    expectAllClosed(loop, made: 2)
  }

  @Test func closedItIsNotCalledAnyMore() throws {
    let loop = try EventLoop()
    var sleeps = 0
    let watcher = try SleepWatcher(on: loop) { sleeps += 1 }
    watcher.close()
    let timer = try Timer(on: loop) {}
    timer.start(milliseconds: 1)
    loop.run()
    #expect(sleeps == 0)
    timer.close()
    expectAllClosed(loop, made: 2)
  }
}
