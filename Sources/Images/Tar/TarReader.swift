import Basics

/// Reads a tar archive that strangers made, piece by piece: v7, ustar, pax and GNU's long names and large numbers.
///
/// It holds a header or one extended header of at most `TarLimits.extensionBytes`, never data. What it tells is the same
/// however the bytes are cut. Refused are names that lead out of the archive, sparse files, and entries of kinds that only
/// some archivers know: these would be something else for each who reads them.
public struct TarReader {
  public enum Event {
    /// The next entry. Its data, if it has any, come next.
    case entry(TarEntry)
    /// The next bytes of the entry's data.
    case data(ArraySlice<UInt8>)
  }

  /// More than any disk here holds.
  static let maximumEntryBytes: Int64 = 1 << 40

  private enum State: Equatable {
    case header
    /// The data of an extended header of this kind.
    case extended(kind: UInt8)
    case data
    /// A block of zeros was read: there must be no entry any more.
    case ending
    case ended
  }

  private var state = State.header
  /// What has come of the header or extended header that is read.
  private var held: [UInt8] = []
  /// What is still to come of the data or extended header.
  private var restBytes: UInt64 = 0
  /// What fills up the last block, to be passed over.
  private var paddingBytes: UInt64 = 0
  private var headerOffset: UInt64 = 0

  private var globals = PaxRecords()
  /// What was said of the next entry alone; nil: nothing.
  private var locals: PaxRecords?
  private var longName: [UInt8]?
  private var longLink: [UInt8]?

  /// How many bytes of the archive were read or passed over.
  public private(set) var position: UInt64 = 0

  public init() {}

  /// Takes bytes from the front of `input` up to the next entry or piece of data; nil: it needs more bytes. After an error
  /// the archive cannot be read on.
  public mutating func next(_ input: inout ArraySlice<UInt8>) throws(TarError) -> Event? {
    do throws(TarError.Reason) {
      while !input.isEmpty {
        if let event = try step(&input) { return event }
      }
      return nil
    } catch {
      throw TarError(error, offset: headerOffset)
    }
  }

  private mutating func step(_ input: inout ArraySlice<UInt8>) throws(TarError.Reason) -> Event? {
    if restBytes == 0, paddingBytes > 0 {
      paddingBytes -= UInt64(take(paddingBytes, &input).count)
      return nil
    }
    switch state {
    case .header, .ending:
      if held.isEmpty { headerOffset = position }
      held += take(UInt64(TarHeader.byteCount - held.count), &input)
      return held.count == TarHeader.byteCount ? try readHeader().map { .entry($0) } : nil
    case .extended(let kind):
      let bytes = take(restBytes, &input)
      restBytes -= UInt64(bytes.count)
      held += bytes
      if restBytes == 0 { try readExtended(kind) }
      return nil
    case .data:
      let bytes = take(restBytes, &input)
      restBytes -= UInt64(bytes.count)
      if restBytes == 0 { state = .header }
      return .data(bytes)
    case .ended:
      _ = take(.max, &input)
      return nil
    }
  }

  /// Right after an entry: how many bytes the caller is to pass over instead of reading the entry's data; the next header
  /// follows them.
  public mutating func passOverData() -> UInt64 {
    guard state == .data else { return 0 }
    let count = restBytes + paddingBytes
    restBytes = 0
    paddingBytes = 0
    state = .header
    position += count
    return count
  }

  /// Throws where the archive must not end. Without the zeros at its end it is as good; many archivers forget them.
  public func finish() throws(TarError) {
    let isBetween = state == .header || state == .ending || state == .ended
    let isAwaited = locals != nil || longName != nil || longLink != nil
    if isBetween, !isAwaited, held.isEmpty, paddingBytes == 0 { return }
    throw TarError(.truncated, offset: headerOffset)
  }

  // MARK: Bytes

  private mutating func take(_ limit: UInt64, _ input: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let count = Int(min(limit, UInt64(input.count)))
    let taken = input.prefix(count)
    input = input.dropFirst(count)
    position += UInt64(count)
    return taken
  }

  // MARK: Headers

  private mutating func readHeader() throws(TarError.Reason) -> TarEntry? {
    defer { held.removeAll(keepingCapacity: true) }
    guard let header = try TarHeader.read(held) else {
      state = state == .ending ? .ended : .ending
      return nil
    }
    if state == .ending { throw .bytesAfterEnd }
    switch header.kind {
    case UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L"), UInt8(ascii: "K"):
      let size = try header.sizeBytes()
      if size > UInt64(TarLimits.extensionBytes) { throw .extensionTooLong }
      if size == 0 { throw .invalidExtension }
      expect(size, .extended(kind: header.kind))
      return nil
    default:
      let entry = try TarEntry(header, said: locals ?? globals, longName: longName, longLink: longLink)
      locals = nil
      longName = nil
      longLink = nil
      expect(entry.sizeBytes, entry.sizeBytes == 0 ? .header : .data)
      return entry
    }
  }

  private mutating func expect(_ count: UInt64, _ next: State) {
    state = next
    restBytes = count
    let block = UInt64(TarHeader.byteCount)
    paddingBytes = (block - count % block) % block
  }

  private mutating func readExtended(_ kind: UInt8) throws(TarError.Reason) {
    // An extended header may be long; an ordinary one needs less.
    defer { held = [] }
    switch kind {
    case UInt8(ascii: "x"):
      var records = locals ?? globals
      try records.add(held)
      locals = records
    case UInt8(ascii: "g"): try globals.add(held)
    case UInt8(ascii: "L"): longName = Array(held.prefix { $0 != 0 })
    default: longLink = Array(held.prefix { $0 != 0 })
    }
    state = .header
  }
}
