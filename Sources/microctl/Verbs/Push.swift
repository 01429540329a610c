import Basics
import Images
import MicroAgent
import Microcloud

let pushVerb = Verb(
  name: "push", operands: "IMAGE [NAME[:TAG]] [ADDRESS]",
  summary: "Bring an image to the node",
  leastOperands: 1, mostOperands: 3, options: [],
  notes: """
    IMAGE is an OCI image layout, a directory or an archive, what `docker save` wrote, or a root file system: archives
    as they are or in gzip, or a squashfs image (mksquashfs ROOT IMAGE -comp gzip).
    With a node's ADDRESS, or with --node NODE, it goes to another board, over several streams at once. What is there
    already is not sent again, nor what an attempt that was broken off has brought: push again, and it goes on. NAME is
    what the image calls itself, or the file's name, where none is given.

    """
) { session throws(Failure) in
  try Push(session).run()
}

/// Brings one image.
struct Push {
  private let session: Session
  private let client: Client
  /// What the operands call the image; nil: nothing.
  private let givenName: String?

  init(_ session: Session) throws(Failure) {
    self.session = session
    let rest = session.arguments.operands.dropFirst()
    let names = rest.filter { RemoteNode(at: $0) == nil }
    let addresses = rest.filter { RemoteNode(at: $0) != nil }
    guard names.count < 2, addresses.count < 2, addresses.isEmpty || !session.arguments.has(.remote) else {
      throw Failure(
        .usage, "push: give one name of the image and one node, as `push \(session.operand) dns:1 192.0.2.1`")
    }
    givenName = names.first
    // A node's name could be an image's, an address could not: who means a node by its name says `--node`.
    client = addresses.first.flatMap { RemoteNode(at: $0) }.map { Client(.node($0)) } ?? session.client
  }

  func run() throws(Failure) -> CInt {
    let instructionSet = try client.fetch(["info"])[.instructionSet]?.textValue
    let architectures = ImageIndex.architectures(is64Bit: instructionSet == "atom64")
    let package = try ImagePackage.open(session.operand, architectures: architectures)
    let name = try name(of: package)
    var account = BlobPush.Account()
    if try !isThere(name, package) {
      let progress = Progress("push \(name)", totalBytes: package.blobs.reduce(0) { $0 + $1.sizeBytes })
      account = try send(package, progress)
      progress.say("unpacking")
      let answer = try make(name, package)
      progress.clear()
      for notice in answer[.notices]?.arrayValue ?? [] {
        Output.complain("push: \(name): \(notice.textValue ?? "")")
      }
    }
    try tell(name, package, account)
    return ExitCode.success
  }

  private func name(of package: ImagePackage) throws(Failure) -> String {
    let given = givenName ?? package.name.flatMap { Self.named($0, session.operand) }
    let name = ImageName.complete(given ?? Self.fileName(session.operand))
    guard ImageName.isValid(name) else {
      throw Failure(.usage, "push: '\(name)' cannot name an image: give a name, as `push \(session.operand) dns:1`")
    }
    return name
  }

  /// What layouts give is often only a tag.
  private static func named(_ reference: String, _ path: String) -> String? {
    let isTag = !reference.utf8.contains(UInt8(ascii: ":")) && !reference.utf8.contains(UInt8(ascii: "/"))
    let name = isTag ? "\(fileName(path)):\(reference)" : reference
    return ImageName.isValid(ImageName.complete(name)) ? name : nil
  }

  /// A file's name up to the first dot, in small letters.
  private static func fileName(_ path: String) -> String {
    let last = path.utf8.split(separator: UInt8(ascii: "/")).last ?? Substring("").utf8
    return ASCII.string(last.prefix { $0 != UInt8(ascii: ".") }.map { ASCII.lowercased($0) })
  }

  /// The node has this very image under this name.
  private func isThere(_ name: String, _ package: ImagePackage) throws(Failure) -> Bool {
    let answer = try client.ask(["images", name])
    if answer.code == .notFound { return false }
    return try Client.content(of: answer)[.manifest]?.bytesValue == package.manifest.digest
  }

  private func send(_ package: ImagePackage, _ progress: Progress) throws(Failure) -> BlobPush.Account {
    let push = BlobPush(package.blobs, to: client, progress)
    do throws(Failure) { try push.run() } catch {
      progress.clear()
      throw error
    }
    return push.account
  }

  /// Has the node make an image of the blobs. An agent that went away meanwhile is asked again, once: its successor goes on with
  /// what is there.
  private func make(_ name: String, _ package: ImagePackage) throws(Failure) -> CBORValue {
    var map = CBORMap()
    map[.manifest] = .bytes(package.manifest.digest)
    do throws(Failure) {
      return try client.request(.put, ["images", name], payload: .map(map))
    } catch {
      guard error.kind == .connectionLost else { throw error }
    }
    try client.reconnect()
    return try client.request(.put, ["images", name], payload: .map(map))
  }

  private func tell(_ name: String, _ package: ImagePackage, _ account: BlobPush.Account) throws(Failure) {
    guard session.isJSON else { return try session.output.line(name) }
    var map = CBORMap()
    map[.name] = .text(name)
    map[.manifest] = .bytes(package.manifest.digest)
    map[.sentBytes] = .unsigned(account.sentBytes)
    map[.repeatedBytes] = .unsigned(account.repeatedBytes)
    map[.foundBytes] = .unsigned(account.foundBytes)
    try session.output.json(.map(map))
  }
}
