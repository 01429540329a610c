import Basics
import TestSupport
import Testing

@testable import MicroAgent

@Suite struct ButtonPressTests {
  private func at(_ milliseconds: UInt64) -> Instant { Instant(nanoseconds: 1 + milliseconds * 1_000_000) }

  @Test(
    arguments: [
      (0, .show), (1, .show), (4_999, .show), (5_000, .leave), (14_999, .leave), (15_000, .reset), (60_000, .reset),
    ] as [(UInt64, ButtonPress.Wish)])
  func howLongItIsHeldSaysWhatIsWanted(_ held: UInt64, _ wish: ButtonPress.Wish) {
    var press = ButtonPress()
    press.press(now: at(0))
    #expect(press.release(now: at(held)) == wish)
    #expect(press.stage == nil && press.nextDeadline == nil)
    #expect(press.release(now: at(held + 1)) == nil, "it was let go already")
  }

  @Test func stagesShowWhereToLetGo() {
    var press = ButtonPress()
    #expect(press.nextDeadline == nil)
    press.press(now: at(100))
    #expect(press.stage == .short && press.nextDeadline == at(5_100))
    #expect(press.tick(now: at(5_100)) == nil)
    #expect(press.stage == .long && press.nextDeadline == at(15_100))
    press.press(now: at(6_000))
    #expect(press.nextDeadline == at(15_100), "a contact that bounces begins nothing anew")
    #expect(press.tick(now: at(15_100)) == .reset)
    #expect(press.stage == .longest && press.nextDeadline == nil)
    #expect(press.tick(now: at(20_000)) == nil, "once is enough")
    #expect(press.release(now: at(21_000)) == nil)
  }

  @Test func aButtonThatIsStuckFromTheStartSaysNothing() {
    var press = ButtonPress()
    #expect(press.tick(now: at(60_000)) == nil)
    #expect(press.release(now: at(60_000)) == nil)
  }
}

@Suite struct InputEventTests {
  private func event(_ timeBytes: Int, _ last: [UInt8]) -> [UInt8] { [UInt8](repeating: 9, count: timeBytes) + last }

  @Test(arguments: [8, 16])
  func theKeyToRestartWithIsTheButton(_ timeBytes: Int) {
    #expect(InputEvent.isPress(event(timeBytes, [1, 0, 0x98, 1, 1, 0, 0, 0])[...]) == true)
    #expect(InputEvent.isPress(event(timeBytes, [1, 0, 0x98, 1, 0, 0, 0, 0])[...]) == false)
  }

  @Test(
    arguments: [
      [1, 0, 0x98, 1, 2, 0, 0, 0], [1, 0, 0x98, 1, 1, 0, 1, 0], [1, 0, 0x98, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0],
      [2, 0, 0x98, 1, 1, 0, 0, 0], [1, 0, 0x98, 1],
    ] as [[UInt8]])
  func nothingElseIs(_ bytes: [UInt8]) {
    #expect(InputEvent.isPress(bytes[...]) == nil)
  }
}
