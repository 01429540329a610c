import CSystem
import TestSupport
import Testing

@testable import LinuxSystem

@Suite struct FileTreeTests {
  @Test func removesATreeAndFollowsNoLink() throws {
    let folder = TemporaryDirectory()
    let kept = folder.path + "/kept"
    let tree = folder.path + "/tree"
    try Files.makeDirectories(tree + "/a/b/c")
    try Files.makeDirectory(kept)
    _ = try FileDescriptor.open(kept + "/file", O_CREAT | O_WRONLY)
    _ = try FileDescriptor.open(tree + "/a/file", O_CREAT | O_WRONLY)
    #expect(system_symlink(kept, tree + "/a/b/link") == 0)
    try FileTree.remove(tree)
    #expect(!Files.exists(tree))
    #expect(Files.exists(kept + "/file"))
  }

  /// Makes directories inside one another; their path is longer than any path may be.
  private func makeDeepTree(in path: String, depth: Int, name: String) throws {
    var directory = try check(system_open(path, O_RDONLY | O_DIRECTORY, 0), "open", path)
    for _ in 0..<depth {
      try check(system_mkdirat(directory, name, 0o755), "make directory", name)
      let next = try check(system_openat(directory, name, O_RDONLY | O_DIRECTORY, 0), "open", name)
      _ = system_close(directory)
      directory = next
    }
    _ = system_close(directory)
  }

  @Test func removesATreeHoweverDeep() throws {
    let folder = TemporaryDirectory()
    let tree = folder.path + "/tree"
    try Files.makeDirectory(tree)
    // A name that a deep directory would like to have.
    try Files.makeDirectories(tree + "/deep-1/x")
    try makeDeepTree(in: tree, depth: 700, name: String(repeating: "n", count: 200))
    try FileTree.remove(tree)
    #expect(!Files.exists(tree))
  }

  @Test func removesNamesThatAreNoText() throws {
    let folder = TemporaryDirectory()
    let tree = folder.path + "/tree"
    try Files.makeDirectory(tree)
    let directory = FileDescriptor(owning: try check(system_open(tree, O_RDONLY | O_DIRECTORY, 0), "open", tree))
    let name: [CChar] = [-1, -2, 0]
    try check(system_mkdirat(directory.rawValue, name, 0o755), "make directory")
    let below = FileDescriptor(owning: try check(system_openat(directory.rawValue, name, O_RDONLY, 0), "open"))
    try check(system_symlinkat("x", below.rawValue, name), "link")
    try FileTree.remove(tree)
    #expect(!Files.exists(tree))
  }

  @Test func removesMoreNamesThanItHolds() throws {
    let folder = TemporaryDirectory()
    let tree = folder.path + "/tree"
    try Files.makeDirectory(tree)
    for number in 0..<1000 { try Files.makeDirectory("\(tree)/\(number)") }
    try FileTree.remove(tree)
    #expect(!Files.exists(tree))
  }

  @Test func tellsWhatCannotBeRemoved() {
    #expect {
      try FileTree.remove("/proc/self")
    } throws: { error in
      "\(error)" == "remove /proc/self: Operation not permitted"
    }
  }

  @Test func aTreeThatIsNotThereIsAsGood() throws {
    try FileTree.remove("/tmp/microagent-test-nothing-here")
  }

}

@Suite struct FilesTests {
  @Test func readsNoMoreThanTheLimit() throws {
    #expect(try Files.read("/dev/zero", limitBytes: 10_000).count == 10_000)
  }

  @Test func tellsWhatItTriedOnWhatAndWhy() {
    #expect {
      try Files.read("/nowhere/at/all")
    } throws: { error in
      "\(error)" == "open /nowhere/at/all: No such file or directory"
    }
  }

  @Test func makesDirectoriesAboveAndAcceptsThoseThere() throws {
    let folder = TemporaryDirectory()
    try Files.makeDirectories(folder.path + "/a/b")
    try Files.makeDirectories(folder.path + "/a/b")
    #expect(Files.isDirectory(folder.path + "/a/b"))
    #expect(try Files.list(folder.path) == ["a"])
  }
}
