import LinuxSystem
import MicroAgent

/// What the agent is started with.
struct AgentSetup {
  var configuration = Configuration()
  /// What is wrong in its file, in lines for a person, where that does not keep the agent from starting.
  var problems: [String] = []
  /// The board whose main program the agent is; nil: it is one program among others.
  var board: BoardRoot?

  /// Reads the file, if there is one; whatever is wrong in it is an error.
  init(strictly path: String?) throws(StartError) {
    guard let path else { return }
    let text: [UInt8]
    do throws(SystemError) {
      text = try Self.text(of: path)
    } catch {
      throw StartError("\(error): check --config")
    }
    do throws(ConfigurationError) {
      configuration = try Configuration(parsing: text)
    } catch {
      throw StartError("\(path): \(error)")
    }
  }

  /// Reads as much of the file as is right: nobody sees a board's screen.
  init(tolerating path: String?) {
    guard let path else { return }
    do throws(SystemError) {
      let found = Configuration.tolerating(try Self.text(of: path))
      configuration = found.settings
      problems = found.problems.lines.map { "\(path): \($0)" }
    } catch {
      problems = ["\(error): the defaults are used"]
    }
  }

  private static func text(of path: String) throws(SystemError) -> [UInt8] {
    // One byte more than may be, so that it shows.
    try Files.read(path, limitBytes: Configuration.maximumFileBytes + 1)
  }
}
