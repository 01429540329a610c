import Basics

/// What is to happen, in the order of time; of what happens at the same time, in the order in which it was added.
///
/// The heap orders small keys, while the events stay where they are: an event is moved twice, however many there are.
struct EventQueue<Event> {
  private struct Key {
    let at: Instant
    let number: UInt64
    let slot: UInt32

    func precedes(_ other: Key) -> Bool {
      at == other.at ? number < other.number : at < other.at
    }
  }

  private var heap: [Key] = []
  private var events: [Event?] = []
  private var freeSlots: [UInt32] = []
  private var number: UInt64 = 0

  var count: Int { heap.count }

  /// When the next event is due.
  var nextTime: Instant? { heap.first?.at }

  mutating func add(_ event: Event, at: Instant) {
    number += 1
    let key = Key(at: at, number: number, slot: store(event))
    heap.append(key)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard key.precedes(heap[parent]) else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = key
  }

  private mutating func store(_ event: Event) -> UInt32 {
    guard let slot = freeSlots.popLast() else {
      events.append(event)
      return UInt32(events.count - 1)
    }
    events[Int(slot)] = event
    return slot
  }

  /// The next event, unless it is later than `end`.
  mutating func popFirst(until end: Instant) -> (at: Instant, event: Event)? {
    guard let first = heap.first, first.at <= end, let event = events[Int(first.slot)].take() else { return nil }
    freeSlots.append(first.slot)
    let last = heap.removeLast()
    if !heap.isEmpty { sink(last) }
    return (first.at, event)
  }

  /// Lets a key go down from the top to its place.
  private mutating func sink(_ key: Key) {
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= heap.count { break }
      if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
      guard heap[child].precedes(key) else { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = key
  }
}
