import Basics
import CSystem
import Images
import LinuxSystem

/// Looks at the programs of a layer as they are written: what they need of a processor that this node's may lack.
///
/// It stands in an attribute of each file from then on, so it is known as long as the layer is there, and looked up when a
/// container is to run that program, however many links lead to it (`do_execute`). Where a file system has no attributes,
/// nothing is known, and programs are run.
final class ProgramExamination {
  private let lacking: ProcessorFeatures
  private let socket: CInt
  private var noticed: ProcessorFeatures = []
  private var perhapsNoticed: ProcessorFeatures = []

  /// Of a path in a notice.
  private static let mostPathBytes = 200

  init(lacking: ProcessorFeatures, socket: CInt) {
    self.lacking = lacking
    self.socket = socket
  }

  /// Looks at a file that is open for reading, too.
  func examine(_ file: CInt, _ path: [UInt8]) {
    guard !lacking.isEmpty, let needs = ProgramNeeds(reading: { Self.read(file, $0, $1) }) else { return }
    if !needs.sure.isEmpty || !needs.loader.isEmpty {
      let bits = needs.sure.rawValue
      let value = [UInt8(truncatingIfNeeded: bits), UInt8(bits >> 8)] + needs.loader
      _ = system_set_attribute(file, EXECUTOR_NEEDS_ATTRIBUTE, value, value.count)
    }
    notice(needs, path)
  }

  private static func read(_ file: CInt, _ offset: UInt64, _ count: Int) -> ArraySlice<UInt8> {
    var bytes = [UInt8](repeating: 0, count: count)
    let result = bytes.withUnsafeMutableBytes { system_pread(file, $0.baseAddress, $0.count, Int64(clamping: offset)) }
    return bytes[..<max(0, Int(result))]
  }

  /// Tells of the first program with a feature. Libraries have much that no program on the node comes to.
  private func notice(_ needs: ProgramNeeds, _ path: [UInt8]) {
    let name = String(decoding: path.suffix(Self.mostPathBytes), as: UTF8.self)
    if ASCII.split(path[...], at: UInt8(ascii: ".")).contains(where: { $0.elementsEqual("so".utf8) }) { return }
    let (sure, perhaps) = (needs.sure.intersection(lacking), needs.perhaps.intersection(lacking))
    if !sure.isSubset(of: noticed) {
      noticed.formUnion(sure)
      UnpackReport.notice("/\(name) needs \(sure), which this node's processor lacks").send(on: socket)
    }
    if !perhaps.isSubset(of: perhapsNoticed) {
      perhapsNoticed.formUnion(perhaps)
      UnpackReport.notice("/\(name) may use \(perhaps), which this node's processor lacks").send(on: socket)
    }
  }
}
