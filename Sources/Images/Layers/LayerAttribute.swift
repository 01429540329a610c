/// Which extended attributes of a layer reach the disk, and in what form.
enum LayerAttribute {
  private static let capability = Array("security.capability".utf8)
  private static let userPrefix = Array("user.".utf8)
  private static let overlayPrefix = Array("user.overlay.".utf8)
  private static let ownPrefix = Array("user.microagent.".utf8)

  /// File capabilities, and what users note on files and directories. Others speak to this board's kernel (`trusted`, and the
  /// overlay's own among `user`), are ours to write, or speak of another machine's users (access lists): nil.
  static func kept(
    _ attribute: TarEntry.Attribute, of kind: TarEntry.Kind, _ owners: LayerOwners
  ) -> TarEntry.Attribute? {
    if attribute.name == capability {
      guard kind == .file else { return nil }
      return FileCapability.shifted(attribute.value, owners).map {
        TarEntry.Attribute(name: attribute.name, value: $0)
      }
    }
    guard kind == .file || kind == .directory, attribute.name.starts(with: userPrefix) else { return nil }
    let isOurs = attribute.name.starts(with: overlayPrefix) || attribute.name.starts(with: ownPrefix)
    return isOurs ? nil : attribute
  }
}

/// A file's capabilities as the kernel keeps them (struct vfs_cap_data of linux/capability.h): a revision with flags, two
/// pairs of masks and, from revision 3 on, whose root may have them; numbers of four bytes, the least first.
enum FileCapability {
  private static let byteCount = 20
  private static let byteCountWithRoot = 24
  /// The last byte of the first number.
  private static let revisionOffset = 3

  /// The same for the container's root; nil: not of a form that we know.
  static func shifted(_ value: [UInt8], _ owners: LayerOwners) -> [UInt8]? {
    guard value.count > revisionOffset else { return nil }
    var root: UInt32 = 0
    switch (value[revisionOffset], value.count) {
    case (2, byteCount): break
    case (3, byteCountWithRoot): root = value[byteCount...].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    default: return nil
    }
    guard let host = owners.hostID(root) else { return nil }
    var shifted = Array(value[..<byteCount])
    shifted[revisionOffset] = host == 0 ? 2 : 3
    if host > 0 { for shift in 0..<4 { shifted.append(UInt8(truncatingIfNeeded: host >> (8 * UInt32(shift)))) } }
    return shifted
  }
}
