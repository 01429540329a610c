extension SquashfsMetadata {
  /// The extended attributes of an inode that has this index of them.
  mutating func attributes(
    _ index: UInt32, _ header: SquashfsHeader
  ) throws(SquashfsError) -> [TarEntry.Attribute] {
    if index == SquashfsInode.none || header.attributeTable == SquashfsHeader.noTable { return [] }
    let table = header.attributeTable
    var fields = LittleEndianFields(try plainBytes(16, at: table))
    let start: UInt64 = fields.next()
    guard index < fields.next(UInt32.self) else { throw SquashfsError(.damagedAttribute, offset: table) }
    // The list of this table's blocks follows its header.
    var entry = try element(UInt64(index), of: 16, listedAt: table &+ 16)
    let reference: UInt64 = entry.next()
    let count: UInt32 = entry.next()
    guard var place = SquashfsPlace(reference, in: start) else {
      throw SquashfsError(.damagedAttribute, offset: table)
    }
    guard count <= UInt32(TarLimits.attributes) else { throw SquashfsError(.tooManyAttributes, offset: place.block) }
    var attributes: [TarEntry.Attribute] = []
    var restBytes = TarLimits.extensionBytes
    for _ in 0..<count {
      let attribute = try self.attribute(at: &place, valuesIn: start, limitBytes: restBytes)
      restBytes -= attribute.value.count
      if attributes.contains(where: { $0.name == attribute.name }) {
        throw SquashfsError(.damagedAttribute, offset: place.block)
      }
      attributes.append(attribute)
    }
    return attributes
  }

  private static var elsewhereFlag: UInt16 { 0x100 }

  /// One name and its value.
  private mutating func attribute(
    at place: inout SquashfsPlace, valuesIn start: UInt64, limitBytes: Int
  ) throws(SquashfsError) -> TarEntry.Attribute {
    let block = place.block
    var head = LittleEndianFields(try read(4, at: &place)[...])
    let type: UInt16 = head.next()
    let count: UInt16 = head.next()
    guard let prefix = Self.prefix(type & 0xFF), count <= UInt16(TarLimits.nameBytes) else {
      throw SquashfsError(.damagedAttribute, offset: block)
    }
    let name = try prefix + read(Int(count), at: &place)
    let value = try value(at: &place, isElsewhere: type & Self.elsewhereFlag != 0, in: start, limitBytes)
    guard !name.contains(0), name.count <= TarLimits.nameBytes else {
      throw SquashfsError(.damagedAttribute, offset: block)
    }
    return TarEntry.Attribute(name: name, value: value)
  }

  /// A value that several files have may stand elsewhere; here is then a reference to it.
  private mutating func value(
    at place: inout SquashfsPlace, isElsewhere: Bool, in start: UInt64, _ limitBytes: Int
  ) throws(SquashfsError) -> [UInt8] {
    let error = SquashfsError(.damagedAttribute, offset: place.block)
    let count = try valueBytes(at: &place)
    guard count <= UInt32(limitBytes) else { throw error }
    let bytes = try read(Int(count), at: &place)
    guard isElsewhere else { return bytes }
    var reference = LittleEndianFields(bytes[...])
    guard count == 8, var target = SquashfsPlace(reference.next(), in: start) else { throw error }
    let targetCount = try valueBytes(at: &target)
    guard targetCount <= UInt32(limitBytes) else { throw error }
    return try read(Int(targetCount), at: &target)
  }

  private mutating func valueBytes(at place: inout SquashfsPlace) throws(SquashfsError) -> UInt32 {
    var fields = LittleEndianFields(try read(4, at: &place)[...])
    return fields.next()
  }

  private static func prefix(_ type: UInt16) -> [UInt8]? {
    switch type {
    case 0: Array("user.".utf8)
    case 1: Array("trusted.".utf8)
    case 2: Array("security.".utf8)
    default: nil
    }
  }
}
