import Basics
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// Life without a screen: what the agent does with the board that it is the main program of.
extension Agent {
  static let resetsItem = "resets"

  /// After so long without an answer of the store's writer its light tells.
  private static let storeLateMilliseconds: UInt64 = 20_000

  /// Takes the board over, once everything else is there: a watchdog that is started for an agent that cannot start would
  /// reset the board before anybody can mend it.
  func takeOver(_ board: Board) throws(SystemError) {
    self.board = board
    if board.noteStart(before: life.before) { items.save(Self.resetsItem, board.history.encoded) }
    try board.start(
      on: loop,
      onTick: { [unowned(unsafe) self] in
        if isWell() { board.watchdog?.feed() }
        showLights()
      },
      onButton: { [unowned(unsafe) self] in buttonWants($0) })
  }

  /// The end that comes was asked for: that is on the disk when the store is closed.
  func noteWantedEnd() {
    guard let board else { return }
    board.history.end(uptimeSeconds: loop.now.milliseconds(since: started) / 1000)
    items.save(Self.resetsItem, board.history.encoded)
  }

  private func buttonWants(_ wish: ButtonPress.Wish?) {
    switch wish {
    case .show: board?.showNumbers()
    case .leave: leaveByButton()
    case .reset:
      noteWantedEnd()
      showLights()
      return end(AgentExit.factoryReset, "the button was held for 15 s: ending, for everything to be forgotten")
    case nil: break
    }
    showLights()
  }

  /// Unlike by `microctl drain` it is not remembered: whoever unplugs the board and plugs it in again has it back.
  private func leaveByButton() {
    guard let board, board.leave == .none else { return }
    Diagnostics.line("the button was held for 5 s: leaving; unplug the board and plug it in to have it back")
    board.leave = .underWay
    change { $0.setDraining(true) }
    network.leave { [unowned(unsafe) self] in
      board.leave = .done
      showLights()
    }
  }

  func showLights() {
    guard let board else { return }
    var facts = BoardLights.Facts()
    if hasRetries || health.isStoreLate(by: Self.storeLateMilliseconds, now: loop.now) { facts.faults.append(.store) }
    if !network.hasAddress { facts.faults.append(.address) }
    if hasConfigurationProblem { facts.faults.append(.configuration) }
    facts.neighbours = network.neighbours
    for container in supervisor.containers {
      if container.phase == .running { facts.running += 1 }
      if container.phase == .waiting { facts.failing += 1 }
    }
    facts.button = board.button?.stage
    facts.showsNumbers = board.showsNumbers
    facts.leave = board.leave
    board.show(facts)
  }

  func resetsAnswer() -> CBORValue { (board?.history ?? ResetHistory()).value }

  /// Adds the line of `microctl info`.
  func addBoots(to map: inout CBORMap) {
    guard let board else { return }
    map[.boots] = .unsigned(board.history.boots)
    if let reason = board.history.lastReason { map[.lastReset] = .text(reason) }
  }
}
