import Images
import OCIRuntime

let createOptions = [
  Option(name: "bundle", letter: "b", value: "DIR", help: "the bundle's directory (.)"),
  Option(name: "config", letter: "f", value: "FILE", help: "its configuration (config.json in it)"),
  Option(name: "pid-file", value: "FILE", help: "the number of its first process is written there"),
  Option(name: "console-socket", value: "PATH", help: "where its terminal's other side is sent"),
  Option(name: "no-pivot", help: "change its root by chroot, as an initramfs needs it"),
  Option(name: "preserve-fds", value: "N", help: "so many descriptors from 3 on are its, too (0)"),
]

let createVerb = Verb(
  name: "create", operands: "ID", count: 1...1, help: "make a container up to just before its program",
  options: createOptions
) { command throws(Failure) in
  let maker = try ContainerMaker(command)
  _ = try maker.make(waitsForStart: true)
  return ExitCode.success
}
