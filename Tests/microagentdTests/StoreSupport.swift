import Foundation
import LinuxSystem
import TestSupport

@testable import Store
@testable import microagentd

/// The agent's store and what is read of it, with a writer that is a program of its own: a fork of this process, whose other
/// threads are not in it, could wait for ever for what one of them holds.
func openStore<Content>(
  _ path: String, read: (Store.Opened) throws(StoreError) -> Content
) throws -> (store: Store, content: Content) {
  let opened = try Store.open(path, schema: ContainerTable.schema)
  let content = try read(opened)
  _ = try opened.finish()
  let (ours, theirs) = try MessageSocket.pair()
  let writer = Process()
  writer.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("store-driver")
  writer.arguments = ["serve", path, "\(Store.checkpointPages)"]
  writer.standardInput = FileHandle(fileDescriptor: theirs, closeOnDealloc: false)
  try writer.run()
  close(theirs)
  return (try Store(path, MessageSocket(FileDescriptor(owning: ours)), process: 0), content)
}
