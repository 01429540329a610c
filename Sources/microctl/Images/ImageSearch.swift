import Basics
import LinuxSystem
import MicroAgent
import Microcloud

/// What nodes tell of an image by its name.
enum ImageSearch {
  /// How long one node is waited for.
  private static let answerMilliseconds: UInt64 = 10_000

  /// What the node of this session tells. Where the image may run on any node, and this one has it not, the first of the others
  /// that has it tells.
  static func find(_ name: String, _ session: Session) throws(Failure) -> CBORValue {
    if !session.arguments.has(.any) { return try session.client.fetch(["images", name]) }
    let own = try session.client.ask(["images", name])
    if own.code != .notFound { return try Client.content(of: own) }
    for node in try Neighbours.ask(session.client) where !node.candidate.isOwn {
      if let found = find(name, at: node) { return found }
    }
    throw Failure(.refused, "image \(name): no node that knows your key has one of that name: push it to one first")
  }

  /// Nil: it has none, or does not answer.
  private static func find(_ name: String, at node: Neighbour) -> CBORValue? {
    let client = Client(node.destination)
    client.deadline = Clock.now().advanced(milliseconds: answerMilliseconds)
    do throws(Failure) {
      let answer = try client.ask(["images", name])
      return answer.code.isSuccess ? try Client.content(of: answer) : nil
    } catch {
      return nil
    }
  }
}
