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
