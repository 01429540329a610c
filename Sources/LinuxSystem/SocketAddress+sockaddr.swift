import Basics
import CSystem

extension SocketAddress {
  /// Gives the kernel's form of this address to `body` (ip(7), ipv6(7)).
  public func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>) -> Result) -> Result {
    var storage = sockaddr_storage()
    let bytes = address.networkBytes
    withUnsafeMutableBytes(of: &storage) { memory in
      let isV4 = bytes.count == 4
      memory.storeBytes(of: UInt16(isV4 ? AF_INET : AF_INET6), as: UInt16.self)
      memory.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
      memory.baseAddress!.advanced(by: isV4 ? 4 : 8).copyMemory(from: bytes, byteCount: bytes.count)
      if !isV4 { memory.storeBytes(of: scope, toByteOffset: 24, as: UInt32.self) }
    }
    return withUnsafePointer(to: &storage) { body(UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self)) }
  }

  /// Reads the kernel's form; nil if it is neither IPv4 nor IPv6.
  public init?(_ pointer: UnsafePointer<sockaddr>?) {
    guard let memory = pointer.map({ UnsafeRawPointer($0) }) else { return nil }
    let family = memory.loadUnaligned(as: UInt16.self)
    guard family == UInt16(AF_INET) || family == UInt16(AF_INET6) else { return nil }
    let isV4 = family == UInt16(AF_INET)
    let bytes = UnsafeRawBufferPointer(start: memory + (isV4 ? 4 : 8), count: isV4 ? 4 : 16)
    guard let address = IPAddress(networkBytes: Array(bytes)[...]) else { return nil }
    let port = UInt16(bigEndian: memory.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
    self.init(address, port: port, scope: isV4 ? 0 : memory.loadUnaligned(fromByteOffset: 24, as: UInt32.self))
  }

  /// The same of one in a place for any kind; nil if there is none.
  public init?(storage: UnsafePointer<sockaddr_storage>) {
    self.init(UnsafeRawPointer(storage).assumingMemoryBound(to: sockaddr.self))
  }

  /// Asks a function like `getsockname` or `getpeername`, which says less than 0 where it fails.
  public static func ask(
    _ question: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<CInt>) -> CInt
  ) -> SocketAddress? {
    var storage = sockaddr_storage()
    var size = CInt(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) {
      let address = UnsafeMutableRawPointer($0).assumingMemoryBound(to: sockaddr.self)
      return question(address, &size) < 0 ? nil : SocketAddress(address)
    }
  }
}
