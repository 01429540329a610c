import CSystem
import Testing

@testable import LinuxSystem

/// A folder of a test's own, gone at its end.
final class TemporaryFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/microagent-test-XXXXXX".utf8CString)
    path = try template.withUnsafeMutableBufferPointer { String(cString: try #require(mkdtemp($0.baseAddress!))) }
  }

  deinit { try? FileTree.remove(path) }
}

@Suite struct FileTreeTests {
  @Test func removesATreeAndFollowsNoLink() throws {
    let folder = try TemporaryFolder()
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
    let folder = try TemporaryFolder()
    try Files.makeDirectories(folder.path + "/a/b")
    try Files.makeDirectories(folder.path + "/a/b")
    #expect(Files.isDirectory(folder.path + "/a/b"))
    #expect(try Files.list(folder.path) == ["a"])
  }
}
