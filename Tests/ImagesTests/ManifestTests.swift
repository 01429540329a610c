import Images
import Testing

private let hash = String(repeating: "ab", count: 32)

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private func descriptor(_ mediaType: String, size: String = "7") -> String {
  #"{"mediaType":"\#(mediaType)","digest":"sha256:\#(hash)","size":\#(size)}"#
}

private func manifest(layers: [String]) -> String {
  #"{"schemaVersion":2,"config":\#(descriptor("application/vnd.oci.image.config.v1+json")),"#
    + #""layers":[\#(layers.joined(separator: ","))]}"#
}

private func problem<Value>(_ read: () throws(ImageError) -> Value) -> String {
  do throws(ImageError) {
    _ = try read()
    return ""
  } catch {
    return error.description
  }
}

struct DigestTests {
  @Test func readsWhatItWrites() throws {
    let digest = try #require(Digest("sha256:" + hash))
    #expect(digest.description == "sha256:" + hash)
    #expect(digest.hexadecimal == hash)
    #expect(Digest(hexadecimal: Array(hash.utf8)[...]) == digest)
  }

  @Test func isTheHashOfABlob() throws {
    // FIPS 180-4, the message "abc".
    #expect(
      try Digest.of(bytes("abc")).hexadecimal == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  @Test(arguments: [
    "", hash, "sha256:", "sha256:ab", "sha256:\(hash)ab", "sha512:\(hash)\(hash)", "SHA256:\(hash)",
    "sha256:" + String(repeating: "AB", count: 32), "sha256:" + String(repeating: "g", count: 64), "sha256:\(hash) ",
  ])
  func refusesWhatIsNone(_ text: String) {
    #expect(Digest(text) == nil)
  }
}

struct ManifestTests {
  @Test(arguments: [
    ("application/vnd.oci.image.layer.v1.tar", MediaType.Compression.none),
    ("application/vnd.oci.image.layer.v1.tar+gzip", .gzip),
    ("application/vnd.oci.image.layer.v1.tar+zstd", .zstd),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", .gzip),
    ("application/vnd.docker.image.rootfs.diff.tar", .none),
  ])
  func knowsLayers(_ mediaType: String, _ compression: MediaType.Compression) throws {
    let manifest = try ImageManifest(parsing: bytes(manifest(layers: [descriptor(mediaType)])))
    #expect(manifest.layers.map(\.kind) == [.layer(compression)])
    #expect(manifest.layers[0].sizeBytes == 7)
    #expect(manifest.layers[0].digest.hexadecimal == hash)
  }

  @Test func aSquashfsImageIsALayer() throws {
    let manifest = try ImageManifest(parsing: bytes(manifest(layers: [descriptor("application/vnd.squashfs")])))
    #expect(manifest.layers.map(\.kind) == [.squashfs])
  }

  @Test func writesTheNamesOfOCI() {
    #expect(MediaType.layer(.gzip).name == "application/vnd.oci.image.layer.v1.tar+gzip")
    #expect(MediaType.manifest.name == "application/vnd.oci.image.manifest.v1+json")
    #expect(MediaType(MediaType.index.name) == .index)
  }

  @Test func refusesWhatIsNoImage() {
    #expect(problem { () throws(ImageError) in try ImageManifest(parsing: bytes("{}")) }.contains("schemaVersion"))
    #expect(
      problem { () throws(ImageError) in try ImageManifest(parsing: bytes(#"{"schemaVersion":1}"#)) }
        .contains("skopeo"))
    #expect(problem { () throws(ImageError) in try ImageManifest(parsing: bytes("[")) }.contains("read JSON: byte 1"))
    let artifact =
      #"{"schemaVersion":2,"config":\#(descriptor("application/vnd.oci.empty.v1+json")),"layers":[]}"#
    #expect(problem { () throws(ImageError) in try ImageManifest(parsing: bytes(artifact)) }.contains("an artifact"))
    let other = manifest(layers: [descriptor("application/x-\\u001b[31m")])
    let line = problem { () throws(ImageError) in try ImageManifest(parsing: bytes(other)) }
    #expect(line == "image manifest: layers: application/x-?[31m: not a layer that can be unpacked")
  }

  @Test func limitsLayersAndSizes() {
    let layer = descriptor("application/vnd.oci.image.layer.v1.tar")
    func layers(_ count: Int) -> String {
      problem { () throws(ImageError) in
        try ImageManifest(parsing: bytes(manifest(layers: [String](repeating: layer, count: count))))
      }
    }
    #expect(layers(128) == "")
    #expect(layers(129) == "image manifest: layers: more than 128")
    for size in ["-1", "1.5", "1099511627777", "\"7\"", "null"] {
      let text = manifest(layers: [descriptor("application/vnd.oci.image.layer.v1.tar", size: size)])
      #expect(problem { () throws(ImageError) in try ImageManifest(parsing: bytes(text)) }.contains("size"))
    }
  }
}

struct IndexTests {
  private func index(_ platforms: [String?]) throws -> ImageIndex {
    let entries = platforms.enumerated().map { position, platform in
      var entry =
        #"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:\#(hash)","size":\#(position)"#
      if let platform {
        let parts = platform.split(separator: "/")
        entry += #","platform":{"os":"\#(parts[0])","architecture":"\#(parts[1])"}"#
      }
      return entry + #","annotations":{"org.opencontainers.image.ref.name":"tag\#(position)"}}"#
    }
    return try ImageIndex(parsing: bytes(#"{"schemaVersion":2,"manifests":[\#(entries.joined(separator: ","))]}"#))
  }

  @Test func choosesTheBetterArchitecture() throws {
    let index = try index(["linux/arm64", "linux/386", "linux/amd64", "unknown/unknown"])
    #expect(try index.choose(architectures: ImageIndex.architectures(is64Bit: false)).sizeBytes == 1)
    #expect(try index.choose(architectures: ImageIndex.architectures(is64Bit: true)).sizeBytes == 2)
    #expect(index.entries[1].referenceName == "tag1")
  }

  @Test func takesTheOnlyOneThatDoesNotSay() throws {
    #expect(try index([nil]).choose(architectures: ["386"]).sizeBytes == 0)
    #expect(throws: ImageError.self) { try index([nil, nil]).choose(architectures: ["386"]) }
  }

  @Test func saysWhatThereIs() throws {
    let index = try index(["linux/arm64", "windows/386", "unknown/unknown"])
    let line = problem { () throws(ImageError) in try index.choose(architectures: ["386"]) }
    #expect(
      line
        == "image index: no image for linux/386, only for linux/arm64, windows/386: build or fetch it for this "
        + "board's platform")
  }

  @Test func refusesAnEmptyOne() {
    #expect(problem { () throws(ImageError) in try ImageIndex(parsing: bytes("{}")) }.contains("not an image index"))
  }
}

struct ConfigTests {
  private let docker = """
    {"architecture":"386","os":"linux","config":{"User":"1000:1000","ExposedPorts":{"80/tcp":{},"53/udp":{}},
     "Env":["PATH=/bin","A=b=c"],"Cmd":["sh","-c","true"],"Entrypoint":null,"WorkingDir":"/srv","StopSignal":"SIGINT",
     "Labels":{"a":"b"}},"history":[{"created_by":"x"}],"rootfs":{"type":"layers","diff_ids":["sha256:\(hash)"]}}
    """

  @Test func readsHowToRunAnImage() throws {
    let config = try ImageConfig(parsing: bytes(docker))
    #expect(config.platform == ImageIndex.Platform(os: "linux", architecture: "386"))
    #expect(config.user == "1000:1000")
    #expect(config.environment == ["PATH=/bin", "A=b=c"])
    #expect(config.command == ["sh", "-c", "true"])
    #expect(config.entrypoint.isEmpty)
    #expect(config.workingDirectory == "/srv")
    #expect(config.exposedPorts == ["80/tcp", "53/udp"])
    #expect(config.stopSignal == "SIGINT")
    #expect(config.layerDigests.map(\.hexadecimal) == [hash])
  }

  @Test func readsHowItsHealthIsChecked() throws {
    func check(_ text: String) throws(ImageError) -> ImageConfig.Healthcheck? {
      try ImageConfig(parsing: bytes(#"{"rootfs":{},"config":{"Healthcheck":\#(text)}}"#)).healthcheck
    }
    let full = try check(
      #"{"Test":["CMD","a","b"],"Interval":5000000000,"Timeout":1500000000,"StartPeriod":60000000000,"Retries":4}"#)
    #expect(full?.command == ["a", "b"] && full?.intervalMilliseconds == 5000 && full?.timeLimitMilliseconds == 1500)
    #expect(full?.startMilliseconds == 60_000 && full?.retries == 4)
    let shell = try check(#"{"Test":["CMD-SHELL","a && b"]}"#)
    #expect(shell?.command == ["/bin/sh", "-c", "a && b"] && shell?.intervalMilliseconds == 0)
    for none in ["null", "{}", #"{"Test":["NONE"]}"#, #"{"Test":[]}"#, #"{"Test":["CMD"]}"#] {
      #expect(try check(none) == nil)
    }
    #expect(throws: ImageError.self) { try check(#"{"Test":["CMD","a"],"Interval":-1}"#) }
    #expect(throws: ImageError.self) { try check(#"{"Test":"a"}"#) }
  }

  @Test func belongsToItsManifest() throws {
    let config = try ImageConfig(parsing: bytes(docker))
    let layer = descriptor("application/vnd.oci.image.layer.v1.tar")
    let right = try ImageManifest(parsing: bytes(manifest(layers: [layer])))
    let wrong = try ImageManifest(parsing: bytes(manifest(layers: [layer, layer])))
    #expect(throws: Never.self) { try config.check(against: right, architectures: ["386"]) }
    #expect(throws: ImageError.self) { try config.check(against: wrong, architectures: ["386"]) }
    #expect(
      problem { () throws(ImageError) in try config.check(against: right, architectures: ["arm64"]) }
        .hasPrefix("image configuration: for linux/386, not linux/arm64: "))
  }

  @Test(arguments: [
    #"{"rootfs":{},"config":{"Env":"x"}}"#, #"{"rootfs":{},"config":{"Env":[1]}}"#,
    #"{"rootfs":{},"config":{"User":5}}"#,
    #"{"rootfs":{},"config":{"Cmd":["a\u0000b"]}}"#, #"{"rootfs":{},"config":{"ExposedPorts":[]}}"#, #"{"config":{}}"#,
    #"{"rootfs":{"diff_ids":["x"]}}"#, #"{"rootfs":[]}"#, "1",
  ])
  func refusesOtherTypes(_ text: String) {
    #expect(throws: ImageError.self) { try ImageConfig(parsing: bytes(text)) }
  }

  @Test func limitsTexts() {
    func config(_ length: Int) -> [UInt8] {
      bytes(#"{"rootfs":{},"config":{"Env":["\#(String(repeating: "x", count: length))"]}}"#)
    }
    #expect(throws: Never.self) { try ImageConfig(parsing: config(16 * 1024)) }
    #expect(throws: ImageError.self) { try ImageConfig(parsing: config(16 * 1024 + 1)) }
    let many = [String](repeating: "\"\"", count: 257).joined(separator: ",")
    #expect(throws: ImageError.self) { try ImageConfig(parsing: bytes(#"{"rootfs":{},"config":{"Env":[\#(many)]}}"#)) }
  }
}

struct DockerArchiveTests {
  @Test func readsTheList() throws {
    let list =
      #"[{"Config":"c.json","RepoTags":["a:1","b:2"],"Layers":["l/layer.tar"]},{"Config":"d","RepoTags":null}]"#
    let archive = try DockerArchive(parsing: bytes(list))
    #expect(archive.images.map(\.config) == ["c.json", "d"])
    #expect(archive.images[0].names == ["a:1", "b:2"])
    #expect(archive.images[0].layers == ["l/layer.tar"])
    #expect(archive.images[1].names.isEmpty)
  }

  @Test(arguments: ["{}", "[]", "[{}]", #"[{"Config":1}]"#])
  func refusesOthers(_ text: String) {
    #expect(throws: ImageError.self) { try DockerArchive(parsing: bytes(text)) }
  }
}
