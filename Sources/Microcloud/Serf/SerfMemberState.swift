import Basics

/// What Serf keeps of a member that is there, beside what memberlist does.
struct SerfMemberState {
  /// Of its last join or leave.
  var statusTime: LamportTime = 0
  var roundTrips = RoundTrips()
  /// Where it is, as it last said; nil if it has not.
  var coordinate: PeerCoordinate?
  /// Whether it has said that it is about to leave.
  var isLeaving = false
}

/// What Serf keeps of a member that has failed or left, which memberlist soon forgets.
struct GoneMember {
  let name: NodeName
  /// Failed or left.
  var status: MemberRecord.Status
  var statusTime: LamportTime
  let goneAt: Instant
  let address: SocketAddress
  /// Whether it ever answered us; others may be made up.
  let hasAnswered: Bool
}

/// The members that have failed or left, in the order of their names.
struct GoneMembers {
  private(set) var members: [GoneMember] = []

  var count: Int { members.count }

  subscript(position: Int) -> GoneMember {
    get { members[position] }
    set { members[position] = newValue }
  }

  func position(of name: NodeName) -> Int? {
    let position = placement(of: name)
    return position < members.count && members[position].name == name ? position : nil
  }

  /// Adds a member, in the place of one of its name.
  mutating func insert(_ member: GoneMember) {
    let position = placement(of: member.name)
    if position < members.count, members[position].name == member.name {
      members[position] = member
    } else {
      members.insert(member, at: position)
    }
  }

  mutating func remove(at position: Int) -> GoneMember {
    members.remove(at: position)
  }

  /// Where a name stands or belongs.
  private func placement(of name: NodeName) -> Int {
    var low = 0
    var high = members.count
    while low < high {
      let middle = (low + high) / 2
      if members[middle].name.bytes[...].precedes(name) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// The members that have left, as a push/pull says them.
public struct LeftMemberNames: RandomAccessCollection {
  private let gone: GoneMembers
  private let positions: [UInt32]

  init(_ gone: GoneMembers) {
    self.gone = gone
    positions = gone.members.indices.filter { gone[$0].status == .left }.map { UInt32($0) }
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { positions.count }
  public subscript(position: Int) -> NodeName { gone[Int(positions[position])].name }
}

/// When each member was last heard to join or leave, as a push/pull says it: those that are there, then those that are
/// gone. It does not change with the membership that it comes from.
public struct MemberStatusTimes: RandomAccessCollection {
  private let table: MemberTable
  private let presentSlots: [UInt16]
  private let gone: GoneMembers

  init(_ table: MemberTable, presentSlots: [UInt16], gone: GoneMembers) {
    self.table = table
    self.presentSlots = presentSlots
    self.gone = gone
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { presentSlots.count + gone.count }

  public subscript(position: Int) -> (name: NodeName, time: LamportTime) {
    if position < presentSlots.count {
      let entry = table[Int(presentSlots[position])]
      return (entry.name, entry.serf.statusTime)
    }
    let member = gone[position - presentSlots.count]
    return (member.name, member.statusTime)
  }
}
