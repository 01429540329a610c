import Basics
import Crypto
import LinuxSystem
import MicroAgent
import Microcloud

let revokeVerb = Verb(
  name: "revoke", operands: "[SERIAL|KEY...]",
  summary: "Take back what `microctl invite` signed, and tell a node; without one, tell it what was taken back so far",
  leastOperands: 0, mostOperands: nil, options: [microcloudOption],
  notes: """
    A KEY stands for all that was signed for it. The node ends at once what those do there by `--node`; their leases end in
    their time, or with `microctl release`. The signed list is kept here, and tells each node who is out when it gets there.

    """
) { session throws(Failure) in
  let microcloud = try OwnMicrocloud.find(session.arguments.value(.microcloud))
  let issued = try microcloud.issued()
  var serials: [UInt64] = []
  for operand in session.arguments.operands { serials += try serialNumbers(operand, issued) }
  let list = try newest(of: microcloud, with: serials, at: session.client)
  let value: CBORValue
  do throws(CBORError) { value = try CBORDecoder.decode(list) } catch {
    throw Failure(.refused, "revoke: the list is damaged: \(error.description)")
  }
  _ = try session.client.request(.put, ["revocations"], payload: value)
  return ExitCode.success
}

/// The credentials that an operand stands for.
private func serialNumbers(_ operand: String, _ issued: [OwnMicrocloud.Issued]) throws(Failure) -> [UInt64] {
  if operand.utf8.count < 66, let serial = Decimal.parse(operand) { return [serial] }
  let key = try publicKey(operand, verb: "revoke").compressed
  let found = issued.filter { $0.key == key }.map { $0.serial }
  if found.isEmpty { throw Failure(.refused, "revoke \(operand): nothing was signed for this key here") }
  return found
}

/// The list that the node is to have: what it knows itself is not forgotten.
private func newest(
  of microcloud: OwnMicrocloud, with serials: [UInt64], at client: Client
) throws(Failure) -> [UInt8] {
  let kept = try microcloud.revocations()
  var known = kept.flatMap { microcloud.list($0) }.map { [$0] } ?? []
  if let there = try listKnown(to: client).flatMap({ microcloud.list($0) }) { known.append(there) }
  let newest = known.max { $0.sequence < $1.sequence }
  let isComplete = serials.allSatisfy { serial in newest?.serials.contains(serial) ?? false }
  if isComplete, let kept, let newest, microcloud.list(kept) == newest { return kept }
  if serials.isEmpty, known.isEmpty { throw Failure(.refused, "revoke: nothing was taken back: name a SERIAL or KEY") }
  return try microcloud.revoke(serials, after: known, now: Clock.wallSeconds())
}

/// The list that the node has; nil: none.
private func listKnown(to client: Client) throws(Failure) -> [UInt8]? {
  do throws(Failure) {
    return try client.fetch(["revocations"]).encoded
  } catch {
    // It has none, or says itself what is wrong when it is given one.
    guard error.kind == .refused else { throw error }
    return nil
  }
}
