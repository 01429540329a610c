extension TarEntry {
  /// What a header says, and what was said of the entry before it: that counts more.
  init(
    _ header: TarHeader, said: PaxRecords, longName: [UInt8]?, longLink: [UInt8]?
  ) throws(TarError.Reason) {
    let name = longName ?? said.path ?? header.name
    kind = try Kind(header.kind, name: name)
    path = try TarPath.normalized(name)
    if path.isEmpty, kind != .directory { throw .emptyName }
    linkTarget = try Self.linkTarget(longLink ?? said.linkPath ?? header.linkName, kind)
    mode = try header.mode()
    if let said = said.user { user = said } else { user = try header.user() }
    if let said = said.group { group = said } else { group = try header.group() }
    if let said = said.modified { modified = said } else { modified = TarTime(seconds: try header.modified()) }
    switch (kind, said.sizeBytes) {
    case (.file, let said?): sizeBytes = said
    case (.file, nil): sizeBytes = try header.sizeBytes()
    // What else has a size there has no data all the same: archivers write what they like.
    default: sizeBytes = 0
    }
    let isDevice = kind == .characterDevice || kind == .blockDevice
    deviceMajor = isDevice ? try header.deviceMajor() : 0
    deviceMinor = isDevice ? try header.deviceMinor() : 0
    attributes = said.attributes
  }

  private static func linkTarget(_ target: [UInt8], _ kind: Kind) throws(TarError.Reason) -> [UInt8] {
    switch kind {
    case .hardLink:
      let path = try TarPath.normalized(target)
      if path.isEmpty { throw .invalidLink }
      return path
    case .symbolicLink:
      if target.isEmpty { throw .invalidLink }
      if target.contains(0) { throw .zeroByteInName }
      if target.count > TarLimits.pathBytes { throw .nameTooLong }
      return target
    default: return []
    }
  }
}

extension TarEntry.Kind {
  fileprivate init(_ flag: UInt8, name: [UInt8]) throws(TarError.Reason) {
    switch flag {
    // Before ustar only the name tells a directory. Contiguous files (7) are files here.
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): self = name.last == TarPath.separator ? .directory : .file
    case UInt8(ascii: "1"): self = .hardLink
    case UInt8(ascii: "2"): self = .symbolicLink
    case UInt8(ascii: "3"): self = .characterDevice
    case UInt8(ascii: "4"): self = .blockDevice
    case UInt8(ascii: "5"): self = .directory
    case UInt8(ascii: "6"): self = .fifo
    case UInt8(ascii: "S"): throw .sparse
    default: throw .unknownKind
    }
  }
}
