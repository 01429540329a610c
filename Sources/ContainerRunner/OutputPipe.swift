import CSystem
import LinuxSystem

/// The pipe that a container writes its output to.
///
/// The end that the container gets can be read too: a container whose readers have all died waits at a full pipe instead of
/// being killed by SIGPIPE.
public enum OutputPipe {
  /// A new pipe: a reading end that does not wait, and the container's.
  public static func make() throws(SystemError) -> Pipe {
    var pipe = try FileDescriptor.pipe(nonblocking: true)
    pipe.writing = try openForContainer(pipe.reading.rawValue)
    return pipe
  }

  /// A container's end of the pipe with this reading end; as many as are started may have one.
  public static func openForContainer(_ reading: CInt) throws(SystemError) -> FileDescriptor {
    try FileDescriptor.open("/proc/self/fd/\(reading)", O_RDWR)
  }
}
