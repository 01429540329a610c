import Basics
import CSystem
import Netlink

/// Changes links, addresses, neighbours and routes of a network namespace, and looks at its links (rtnetlink(7)). The
/// kernel does what it is asked for within the call.
public struct RouteSocket: ~Copyable {
  private let socket: FileDescriptor

  /// In this process's own network namespace.
  public init() throws(SystemError) {
    socket = FileDescriptor(owning: try check(system_route_requests(-1), "ask", "the kernel about links"))
  }

  /// In that of the process of this pidfd.
  public init(namespaceOf pidfd: CInt) throws(SystemError) {
    socket = FileDescriptor(owning: try check(system_route_requests(pidfd), "enter", "a network namespace"))
  }

  /// Performs requests.
  /// - Parameter optional: numbers of requests that the kernel may refuse.
  /// - Throws: what the kernel refused first, and why. What was not refused is done.
  @inline(never)
  public func perform(_ requests: LinkRequests, optional: [UInt32] = []) throws(LinkError) {
    if requests.count == 0 { return }
    var answers: [NetlinkAnswer] = []
    do throws(SystemError) {
      try ask(requests.bytes) { answers += NetlinkAnswer.decode($0) }
    } catch {
      throw LinkError(description: error.description, errno: error.errno)
    }
    let refusal = answers.first { $0.errno != 0 && !optional.contains($0.sequence) }
    if let refusal {
      let errno = Errno(rawValue: refusal.errno)
      let words = refusal.text.isEmpty ? "" : " (\(refusal.text))"
      throw LinkError(description: "\(requests.subject(refusal.sequence)): \(errno)\(words)", errno: errno)
    }
    if answers.count < requests.count {
      throw LinkError(description: "the kernel does not say whether it changed links", errno: Errno(rawValue: 0))
    }
  }

  /// The link of this name; nil: there is none.
  @inline(never)
  public func link(_ name: String) -> LinkRecord? {
    links(LinkRecord.request(for: name)).first
  }

  /// All links that there are.
  @inline(never)
  public func links() -> [LinkRecord] {
    links(LinkRecord.requestForAll)
  }

  private func links(_ request: [UInt8]) -> [LinkRecord] {
    var found: [LinkRecord] = []
    try? ask(request) { bytes in
      var rest = bytes
      while let message = rest.popNetlinkMessage() {
        if let link = LinkRecord(message) { found.append(link) }
      }
    }
    return found
  }

  /// Everything about the interfaces of this namespace, at once.
  @inline(never)
  public func interfaces() -> [NetworkInterface] {
    var table = InterfaceTable()
    var request: [UInt8]? = table.begin()
    while let next = request {
      request = nil
      // A change meanwhile has everything told anew.
      guard (try? ask(next, { request = table.receive($0) ?? request })) != nil else { break }
    }
    return table.interfaces
  }

  private static let bufferBytes = 16 * 1024

  /// The kernel has all of its answers ready when the call that asked comes back, or gives them as they are received.
  private func ask(_ bytes: [UInt8], _ take: (ArraySlice<UInt8>) -> Void) throws(SystemError) {
    try check(bytes.withUnsafeBytes { system_write(socket.rawValue, $0.baseAddress, $0.count) }, "ask", "about links")
    var buffer = [UInt8](repeating: 0, count: Self.bufferBytes)
    while true {
      let count = buffer.withUnsafeMutableBytes {
        system_receive_from_kernel(socket.rawValue, $0.baseAddress, $0.count)
      }
      if count <= 0 { return }
      take(buffer[..<count])
    }
  }
}

/// Why links were not changed; one line for a person.
public struct LinkError: Error, Equatable, CustomStringConvertible {
  public let description: String
  public let errno: Errno
}
