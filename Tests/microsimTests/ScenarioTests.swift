import Testing

@testable import microsim

struct ScenarioTests {
  @Test func aScenarioIsTheSameAsText() {
    for seed in 1...300 as ClosedRange<UInt64> {
      let scenario = Scenario.generated(seed: seed)
      #expect(Scenario(text: "# a comment\n\n" + scenario.text) == scenario)
    }
  }

  @Test(
    arguments: [
      "", "world", "world seed 1 nodes 3 topology ring places 1", "world seed 1 nodes 0 topology flat places 1",
      "world seed 1 nodes 3 topology flat places 1\nat 5 crash 3",
      "world seed 1 nodes 3 topology flat places 1\nat x move 1",
      "world seed 1 nodes 3 topology flat places 1\nat 5 move 1 now",
    ])
  func whatMakesNoSenseIsNoScenario(text: String) {
    #expect(Scenario(text: text) == nil)
  }

  /// And in two processes: `sim/check`.
  @Test func theSameSeedIsTheSameHistory() {
    var scenario = Scenario.generated(seed: 4, nodes: 4)
    scenario.steps = Array(scenario.steps.prefix(2))
    let (first, second) = (ScenarioRun(scenario).judged(), ScenarioRun(scenario).judged())
    #expect(first.violation == nil)
    #expect(first.digest == second.digest && first.events == second.events)
    scenario.seed += 1
    #expect(ScenarioRun(scenario).judged().digest != first.digest)
  }

  @Test func onlyWhatMattersIsLeft() {
    let steps = Scenario.generated(seed: 9, nodes: 8).steps
    let needed = [steps[1], steps[steps.count - 1]]
    let shortest = Shrinking.shortest(steps) { candidate in needed.allSatisfy { candidate.contains($0) } }
    #expect(shortest == needed)
  }
}
