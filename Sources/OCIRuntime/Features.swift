import Images

/// What `features` prints (the OCI runtime spec's features.md).
public enum Features {
  public static var document: JSONValue {
    .object([
      .init(name: "ociVersionMin", value: .string("1.0.0")),
      .init(name: "ociVersionMax", value: .string(OCIVersion.text)),
      .init(name: "hooks", value: strings(HookConfig.kinds)),
      .init(name: "mountOptions", value: strings(MountReader.options)),
      .init(
        name: "linux",
        value: .object([
          .init(
            name: "namespaces", value: strings(["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"])),
          .init(name: "capabilities", value: strings(ProcessConfig.names.map { "CAP_" + $0 })),
          .init(
            name: "cgroup",
            value: .object([
              .init(name: "v1", value: .bool(true)), .init(name: "v2", value: .bool(true)),
              .init(name: "systemd", value: .bool(false)), .init(name: "systemdUser", value: .bool(false)),
              .init(name: "rdma", value: .bool(false)),
            ])),
          .init(
            name: "seccomp",
            value: .object([
              .init(name: "enabled", value: .bool(true)), .init(name: "actions", value: strings(SeccompReader.actions)),
              .init(name: "operators", value: strings(SeccompReader.operators)),
              .init(name: "archs", value: strings(["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"])),
              .init(name: "knownFlags", value: strings(SeccompReader.flags)),
              .init(name: "supportedFlags", value: strings(SeccompReader.flags)),
            ])),
          .init(name: "apparmor", value: enabled(false)), .init(name: "selinux", value: enabled(false)),
          .init(name: "intelRdt", value: enabled(false)),
          .init(name: "mountExtensions", value: .object([.init(name: "idmap", value: enabled(false))])),
        ])),
    ])
  }

  private static func enabled(_ value: Bool) -> JSONValue { .object([.init(name: "enabled", value: .bool(value))]) }

  private static func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
}
