import Basics
import CSystem

extension SocketAddress {
  /// Gives the kernel's form of this address to `body` (ip(7), ipv6(7)).
  public func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>) -> Result) -> Result {
    // As long as the longer of the two.
    var storage = sockaddr_in6()
    withUnsafeMutableBytes(of: &storage) { memory in
      memory.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
      switch address {
      case .v4(let address):
        memory.storeBytes(of: UInt16(AF_INET), as: UInt16.self)
        memory.storeBytes(of: address.bigEndian, toByteOffset: 4, as: UInt32.self)
      case .v6(let high, let low):
        memory.storeBytes(of: UInt16(AF_INET6), as: UInt16.self)
        memory.storeBytes(of: high.bigEndian, toByteOffset: 8, as: UInt64.self)
        memory.storeBytes(of: low.bigEndian, toByteOffset: 16, as: UInt64.self)
        memory.storeBytes(of: scope, toByteOffset: 24, as: UInt32.self)
      }
    }
    return withUnsafePointer(to: &storage) { body(UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self)) }
  }

  /// Reads the kernel's form; nil if it is neither IPv4 nor IPv6.
  public init?(_ pointer: UnsafePointer<sockaddr>?) {
    guard let memory = pointer.map({ UnsafeRawPointer($0) }) else { return nil }
    let port = UInt16(bigEndian: memory.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
    switch memory.loadUnaligned(as: UInt16.self) {
    case UInt16(AF_INET):
      let address = UInt32(bigEndian: memory.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      self.init(.v4(address), port: port)
    case UInt16(AF_INET6):
      let high = UInt64(bigEndian: memory.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      let low = UInt64(bigEndian: memory.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
      let scope = memory.loadUnaligned(fromByteOffset: 24, as: UInt32.self)
      self.init(.v6(high: high, low: low), port: port, scope: scope)
    default: return nil
    }
  }

  /// The same of one in a place for several kinds; nil if there is none.
  public init?<Storage>(storage: UnsafePointer<Storage>) {
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
