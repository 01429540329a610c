import Testing

@testable import MicroAgent

@Suite struct RestartPolicyTests {
  static let causes: [ContainerEnd.Cause] = [
    .exited(code: 0), .exited(code: 1), .killed(signal: 9), .outOfMemory(limitBytes: 1, peakBytes: 1),
    .failedToStart("no such file"), .unknown("nobody saw it"),
  ]

  @Test(
    arguments: [
      ("no", RestartPolicy.no), ("always", .always), ("on-failure", .onFailure(maximumRestarts: nil)),
      ("on-failure:0", .onFailure(maximumRestarts: 0)), ("on-failure:3", .onFailure(maximumRestarts: 3)),
      ("on-failure:4294967295", .onFailure(maximumRestarts: .max)),
    ] as [(String, RestartPolicy)])
  func textRoundTrip(_ text: String, _ policy: RestartPolicy) {
    #expect(RestartPolicy(text) == policy)
    #expect(policy.description == text)
  }

  @Test(arguments: [
    "", "No", "yes", "on-failure:", "on-failure:-1", "on-failure:x", "on-failure:4294967296", "always ",
  ])
  func otherTextsAreRefused(_ text: String) {
    #expect(RestartPolicy(text) == nil)
  }

  @Test(arguments: causes) func noAndAlways(_ cause: ContainerEnd.Cause) {
    #expect(!RestartPolicy.no.restarts(after: cause, restarts: 0))
    #expect(RestartPolicy.always.restarts(after: cause, restarts: .max))
  }

  @Test(arguments: causes) func onFailure(_ cause: ContainerEnd.Cause) {
    let isFailure = cause != .exited(code: 0)
    #expect(RestartPolicy.onFailure(maximumRestarts: nil).restarts(after: cause, restarts: .max) == isFailure)
    let twice = RestartPolicy.onFailure(maximumRestarts: 2)
    #expect(twice.restarts(after: cause, restarts: 1) == isFailure)
    #expect(!twice.restarts(after: cause, restarts: 2))
    #expect(!RestartPolicy.onFailure(maximumRestarts: 0).restarts(after: cause, restarts: 0))
  }

  @Test func pausesDoubleUpToAMinute() {
    let pauses = (0...11).map { RestartPolicy.pauseMilliseconds(beforeRestart: $0) }
    #expect(pauses == [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
    #expect(RestartPolicy.pauseMilliseconds(beforeRestart: .max) == 60_000)
  }
}
