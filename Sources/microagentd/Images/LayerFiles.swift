import CSystem
import Images
import LinuxSystem
import MicroAgent

/// Small files of an image, as its containers see them: what an upper layer has hides what lower ones have.
struct LayerFiles {
  private enum Found {
    case content([UInt8])
    /// A whiteout, or nothing that could be read.
    case hidden
    case nothing
  }

  private let directories: [String]

  /// Looks into these layers, the uppermost first.
  init(_ directories: [String]) {
    self.directories = directories
  }

  /// Who a user of an image is; nil: its files do not say.
  func account(of user: String) -> ImageDefaults.Account? {
    ImageUser(user, accounts: content("etc/passwd"), groups: content("etc/group")).map {
      ImageDefaults.Account(user: $0.user, group: $0.group)
    }
  }

  /// The first bytes of a file; none of one that is not there.
  private func content(_ path: String) -> [UInt8] {
    for directory in directories {
      switch read(path, in: directory) {
      case .content(let bytes): return bytes
      case .hidden: return []
      case .nothing: continue
      }
    }
    return []
  }

  /// The links of a layer lead nowhere else, and its pipes are not waited for.
  private func read(_ path: String, in directory: String) -> Found {
    guard let root = try? FileDescriptor.open(directory, O_RDONLY | O_DIRECTORY) else { return .hidden }
    let result = system_open_beneath(root.rawValue, path, O_RDONLY | O_NONBLOCK)
    if result < 0 { return result == -Errno.noSuchFile.rawValue ? .nothing : .hidden }
    let file = FileDescriptor(owning: result)
    var status = system_file_status()
    guard system_fstat(file.rawValue, &status) == 0, status.mode & UInt32(S_IFMT) == UInt32(S_IFREG) else {
      return .hidden
    }
    var bytes = [UInt8](repeating: 0, count: Int(min(status.size_bytes, UInt64(ImageUser.maximumFileBytes))))
    let count = bytes.withUnsafeMutableBytes { system_pread(file.rawValue, $0.baseAddress, $0.count, 0) }
    return count < 0 ? .hidden : .content(Array(bytes[..<Int(count)]))
  }
}
