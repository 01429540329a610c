import CSystem
import Images
import LinuxSystem
import OCIRuntime

let specVerb = Verb(
  name: "spec", operands: "", count: 0...0, help: "write a config.json to begin with",
  options: [Option(name: "bundle", letter: "b", value: "DIR", help: "the bundle's directory (.)")]
) { command throws(Failure) in
  let path = (command.arguments.value("bundle") ?? ".") + "/config.json"
  try telling { () throws(SystemError) in
    let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
    try file.write(ExampleConfig.text, subject: path)
  }
  return ExitCode.success
}

let featuresVerb = Verb(
  name: "features", operands: "", count: 0...0, help: "print what this runtime does, as JSON", options: []
) { command throws(Failure) in
  Streams.write(JSONText.write(Features.document) + "\n")
  return ExitCode.success
}
