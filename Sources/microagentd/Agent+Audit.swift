import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// What is noted of what was asked for.
extension Agent {
  /// Answers a request, and notes what came of it where it was to change something.
  func respond(_ message: CoAPMessage, to request: ControlRequest) {
    let made = message.code == .created ? message.location.last : nil
    if let deed = request.request.deed(made: made) {
      note(deed, by: request.principal, message)
    }
    request.answer(message)
  }

  private static func title(of message: CoAPMessage) -> String {
    let problem = (try? CBORDecoder.decode(message.payload)).flatMap { try? ProblemDetails($0) }
    return problem?.title ?? ""
  }

  func auditAnswer() -> CBORValue {
    .array(audit.entries { items[Self.slotName($0)] }.map { $0.value })
  }

  private func note(_ deed: String, by principal: Principal, _ answer: CoAPMessage) {
    let refusal = answer.code.isSuccess ? nil : Self.title(of: answer)
    let noted = audit.note(deed, by: principal, refusal: refusal, wallSeconds: Clock.wallSeconds(), now: loop.now)
    guard let noted else { return }
    let slot = Self.slotName(noted.slot)
    // Root on the board could change the disk as well. What failed may have failed for want of room there, and what is
    // vital needs the rest of it.
    if Principal.isOwner(principal.thumbprint) || answer.code.isServerError {
      return items.keep(slot, noted.entry.value.encoded)
    }
    // A deed has cost a sync already; its entry goes to the disk with the next one.
    items.saveLazily(slot, noted.entry.value.encoded)
  }

  static func slotName(_ slot: Int) -> String { "audit \(slot)" }
}
