import Testing

@testable import MicroAgent

@Suite struct ContainerEndTests {
  @Test(
    arguments: [
      (.exited(code: 0), 0, "exit code 0"),
      (.exited(code: 255), 255, "exit code 255"),
      (.killed(signal: 9), 137, "killed by signal 9"),
      (.killed(signal: 64), 192, "killed by signal 64"),
      (.killed(signal: 255), 127, "killed by signal 255"),
      (.outOfMemory(limitBytes: 4 << 20, peakBytes: 4_193_280), 137, "out of memory: budget 4096 KiB, peak 4095 KiB"),
      (.failedToStart("mount proc on /proc: EPERM"), 125, "mount proc on /proc: EPERM"),
      (.unknown("the board was restarted"), 125, "unknown: the board was restarted"),
    ] as [(ContainerEnd.Cause, UInt8, String)])
  func codeAndLine(_ cause: ContainerEnd.Cause, _ code: UInt8, _ line: String) {
    let end = ContainerEnd(cause: cause)
    #expect(end.exitCode == code)
    #expect(end.description == line)
  }

  @Test(
    arguments: [
      (.init(), ""), (.init(.stopped), ", stopped on request"),
      (.init(.graceExpired, by: .owner), ", stopped on request of the owner after its grace period"),
      (.init(.removed, by: .holder), ", removed by force on request of its lease's holder"),
      (.init(.stopped, by: .node), ", stopped as its lease is over"),
      (.init(.killed, by: .owner), ", killed on request of the owner"),
      (.init(.signalled, by: .owner), ", sent its stop signal on request of the owner"),
    ] as [(ContainerEnd.Demand, String)])
  func whoWantedItIsTold(_ demand: ContainerEnd.Demand, _ suffix: String) {
    #expect(ContainerEnd(cause: .exited(code: 1), demand: demand).description == "exit code 1" + suffix)
  }
}
