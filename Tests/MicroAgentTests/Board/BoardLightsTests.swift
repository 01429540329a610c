import MicroAgent
import Testing

@Suite struct BoardLightsTests {
  private func lights(_ change: (inout BoardLights.Facts) -> Void) -> [BoardLights.Pattern] {
    var facts = BoardLights.Facts()
    change(&facts)
    let lights = BoardLights(facts)
    return [lights.system, lights.membership, lights.containers]
  }

  @Test func aBoardThatIsWellShines() {
    #expect(lights { _ in } == [.on, .off, .off])
    #expect(lights { $0.neighbours = 0 } == [.on, .seldom, .off])
    #expect(lights { ($0.neighbours, $0.running) = (3, 2) } == [.on, .on, .on])
    #expect(lights { ($0.neighbours, $0.running, $0.failing) = (3, 2, 1) } == [.on, .on, .even])
  }

  @Test func theWorstFaultIsTold() {
    #expect(lights { $0.faults = [.configuration] }[0] == .flashes(2))
    #expect(lights { $0.faults = [.configuration, .address] }[0] == .flashes(3))
    #expect(lights { $0.faults = [.address, .configuration, .store] }[0] == .flashes(4))
  }

  @Test func numbersAreShownToWhomAsks() {
    let shown = lights { ($0.neighbours, $0.running, $0.failing, $0.showsNumbers) = (30, 2, 1, true) }
    #expect(shown == [.on, .flashes(9), .flashes(2)])
    #expect(lights { $0.showsNumbers = true } == [.on, .off, .off])
  }

  @Test func aPressIsFelt() {
    #expect(lights { ($0.button, $0.neighbours) = (.short, 1) } == [.off, .off, .off])
    #expect(lights { ($0.button, $0.faults) = (.short, [.store]) } == [.on, .off, .off])
    #expect(lights { ($0.button, $0.leave) = (.long, .done) } == [.even, .even, .even])
    #expect(lights { $0.button = .longest } == [.quick, .quick, .quick])
  }

  @Test func itIsShownWhenToUnplug() {
    #expect(lights { ($0.leave, $0.neighbours, $0.running) = (.underWay, 1, 1) } == [.even, .even, .even])
    #expect(lights { ($0.leave, $0.neighbours, $0.running) = (.done, 1, 1) } == [.seldom, .off, .off])
  }
}
