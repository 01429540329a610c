// swift-tools-version: 6.2
import PackageDescription

// A program's entry is a C function of its own, since Embedded Swift has no `CommandLine`; `-parse-as-library` keeps
// swiftc from making a second one.
func program(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
  .executableTarget(
    name: name,
    dependencies: dependencies + ["CEmbeddedRuntime"],
    path: path,
    swiftSettings: [.unsafeFlags(["-parse-as-library"])])
}

let package = Package(
  name: "MicroAgent",
  targets: [
    // C, as Swift sees it. The host finds libuv, SQLite and mbedtls in /usr/include, a Swift SDK in its sysroot.
    .systemLibrary(name: "CUV"),
    .systemLibrary(name: "CSQLite"),
    .systemLibrary(name: "CMbedTLS"),
    .systemLibrary(name: "CZlib"),
    .target(name: "CSystem"),
    .target(name: "CEmbeddedRuntime"),
    .target(name: "CShortLived"),

    // Values and decisions: no input or output.
    .target(name: "Basics"),
    .target(name: "Netlink", dependencies: ["Basics"]),
    // OSCORE and EDHOC stand on the primitives of `Crypto`, which reads and writes nothing but random bits for blinding.
    // The square roots of network coordinates: an instruction on boards, a call in the host's debug builds.
    .target(name: "Microcloud", dependencies: ["Basics", "Crypto"], linkerSettings: [.linkedLibrary("m")]),
    .target(name: "MicroAgent", dependencies: ["Basics", "Microcloud", "Crypto", "Netlink"]),

    // What container images are made of: documents and archives.
    .target(name: "Images", dependencies: ["Basics", "Crypto"]),

    // Doing.
    .target(name: "LinuxSystem", dependencies: ["Basics", "Netlink", "CSystem"]),
    .target(name: "Cgroups", dependencies: ["Basics", "LinuxSystem"]),
    .target(name: "ContainerRunner", dependencies: ["Basics", "LinuxSystem", "Cgroups", "CSystem"]),
    .target(name: "OCIRuntime", dependencies: ["Basics", "Images", "Cgroups", "ContainerRunner"]),
    .target(name: "Compression", dependencies: ["CZlib"], linkerSettings: [.linkedLibrary("z")]),
    .target(
      name: "Unpacker", dependencies: ["Basics", "Images", "Compression", "Crypto", "LinuxSystem", "CSystem"]),
    // Embedded Swift does not hear a module map's `link`, so the libraries are named here.
    .target(
      name: "EventLoop", dependencies: ["Basics", "LinuxSystem", "CSystem", "CUV"],
      linkerSettings: [.linkedLibrary("uv")]),
    .target(name: "Transport", dependencies: ["Basics", "LinuxSystem", "EventLoop", "Microcloud"]),
    .target(
      name: "Store", dependencies: ["Basics", "LinuxSystem", "CSystem", "CSQLite"],
      linkerSettings: [.linkedLibrary("sqlite3")]),

    // The primitives know nothing of what they are used for: what is spoken may stand on them (OSCORE, EDHOC), never they
    // on it. What joins them to gossip and to the disk stands above both.
    .target(
      name: "Crypto", dependencies: ["CSystem", "CMbedTLS"], linkerSettings: [.linkedLibrary("mbedcrypto")]),
    .target(
      name: "NodeSecurity", dependencies: ["Basics", "Microcloud", "LinuxSystem", "CSystem", "Crypto"]),

    program(
      "microagentd",
      [
        "MicroAgent", "Microcloud", "ContainerRunner", "Cgroups", "Transport", "NodeSecurity", "Crypto", "EventLoop",
        "Store", "LinuxSystem", "Netlink", "Basics", "Images", "Unpacker",
      ]),
    program(
      "microctl",
      [
        "MicroAgent", "Microcloud", "OCIRuntime", "ContainerRunner", "Images", "Compression", "NodeSecurity", "Crypto",
        "LinuxSystem", "Basics",
      ]),

    program(
      "microrun",
      ["OCIRuntime", "ContainerRunner", "Cgroups", "Images", "LinuxSystem", "CSystem", "CShortLived", "Basics"]),

    // Many agents in one process, under virtual time; only ever built for the host.
    program("microsim", ["MicroAgent", "Microcloud", "NodeSecurity", "Crypto", "LinuxSystem", "CSystem", "Basics"]),

    .target(name: "TestSupport", dependencies: ["Basics"], path: "Tests/TestSupport"),
    .testTarget(name: "BasicsTests", dependencies: ["Basics"]),
    .testTarget(
      name: "microctlTests",
      dependencies: ["microctl", "MicroAgent", "Microcloud", "LinuxSystem", "CSystem", "Basics", "TestSupport"]),
    .testTarget(name: "microsimTests", dependencies: ["microsim", "Basics"]),
    .testTarget(name: "NetlinkTests", dependencies: ["Netlink", "LinuxSystem", "Basics", "TestSupport"]),
    .testTarget(name: "LinuxSystemTests", dependencies: ["LinuxSystem", "CSystem", "TestSupport"]),
    .testTarget(
      name: "microagentdTests",
      dependencies: [
        "microagentd", "MicroAgent", "Microcloud", "NodeSecurity", "Crypto", "ContainerRunner", "Store", "LinuxSystem",
        "CSystem", "Basics", "TestSupport", "store-driver",
      ]),
    .testTarget(
      name: "MicrocloudTests", dependencies: ["Microcloud", "Crypto", "Basics", "TestSupport"], exclude: ["vectors"]),
    .testTarget(
      name: "MicroAgentTests",
      dependencies: ["MicroAgent", "Microcloud", "Netlink", "Crypto", "Basics", "TestSupport"]),
    .testTarget(name: "ImagesTests", dependencies: ["Images", "Crypto", "Basics", "TestSupport"]),
    .testTarget(
      name: "OCIRuntimeTests", dependencies: ["OCIRuntime", "ContainerRunner", "Cgroups", "Images", "Basics"]),
    .testTarget(name: "CgroupsTests", dependencies: ["Cgroups", "TestSupport"]),
    .testTarget(
      name: "ContainerRunnerTests", dependencies: ["ContainerRunner", "LinuxSystem", "CSystem", "Basics"],
      exclude: ["plans"]),
    .testTarget(name: "EventLoopTests", dependencies: ["EventLoop", "LinuxSystem", "Basics", "TestSupport"]),
    .testTarget(
      name: "TransportTests", dependencies: ["Transport", "EventLoop", "LinuxSystem", "Microcloud", "Basics"]),
    program(
      "microcloud-driver",
      ["Transport", "NodeSecurity", "Crypto", "EventLoop", "LinuxSystem", "CSystem", "Microcloud", "Basics"],
      path: "Tests/MicrocloudDriver"),
    .target(name: "CryptoChecks", dependencies: ["Crypto", "Basics"], path: "Tests/CryptoChecks"),
    program(
      "crypto-driver", ["CryptoChecks", "Crypto", "NodeSecurity", "LinuxSystem", "Basics"], path: "Tests/CryptoDriver"),
    .testTarget(
      name: "CryptoTests", dependencies: ["CryptoChecks", "Crypto", "crypto-driver", "TestSupport"],
      exclude: ["vectors"]),
    .testTarget(
      name: "NodeSecurityTests",
      dependencies: ["NodeSecurity", "Crypto", "CryptoChecks", "Microcloud", "LinuxSystem", "TestSupport"],
      exclude: ["vectors"]),
    program("store-driver", ["Store", "LinuxSystem", "Basics"], path: "Tests/StoreDriver"),
    program(
      "unpack-driver", ["Unpacker", "Images", "LinuxSystem", "CSystem", "Basics"], path: "Tests/UnpackDriver"),
    .testTarget(name: "UnpackerTests", dependencies: ["Unpacker", "Images"]),
    program(
      "coap-driver",
      ["Transport", "NodeSecurity", "Crypto", "EventLoop", "LinuxSystem", "CSystem", "Microcloud", "Basics"],
      path: "Tests/CoAPDriver"),
    .testTarget(name: "StoreTests", dependencies: ["Store", "LinuxSystem", "Basics", "store-driver", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6]
)
