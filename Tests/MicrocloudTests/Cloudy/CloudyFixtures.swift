import Basics
import Microcloud
import TestSupport

/// What nodes of a community network may offer.
enum CloudyFixtures {
  static let types = [
    "Docker", "serf", "tahoe-lafs", "peerstreamer", "syncthing", "tincvpn", "dnsservice", "proxy3", "snpservice", "owp",
    "ipfs",
  ]
  static let words = [
    "web", "cloud", "photos", "wiki", "camera", "map", "mail", "chat", "git", "backup", "radio", "weather", "music",
  ]

  static let entry = MicroagentEntry(
    coapPort: 5683, isa: .i586NoLock, fingerprint: "00c1f3d29a7b4e60", freeMemoryMiB: 104, isClaimed: false)

  static func agent(node: String = "galileo-00c1") -> CloudyService {
    entry.service(node: node, address: "10.139.40.22", microcloud: "gracia")
  }

  static func service(_ type: String = "Docker", _ description: String = "wiki", port: Int = 8080) -> CloudyService {
    CloudyService(
      type: type, description: description, host: "galileo-00c1.guifi.local", address: "10.139.40.22", port: "\(port)",
      microcloud: "gracia")
  }

  static func realistic(_ generator: inout SeededGenerator) -> CloudyService {
    var service = service(
      generator.pick(types), generator.pick(words) + " " + generator.pick(words), port: 1 + generator.below(65535))
    if generator.oneIn(4) { service.text = "Federated=Yes" }
    return service
  }

  /// Any characters, short or long.
  static func wild(_ generator: inout SeededGenerator) -> CloudyService {
    func text(_ generator: inout SeededGenerator) -> String {
      switch generator.below(4) {
      case 0: return String(decoding: generator.bytes(upTo: 300), as: UTF8.self)
      case 1: return (0..<200).map { _ in String(UnicodeScalar(UInt8(33 + generator.below(94)))) }.joined()
      case 2: return ["", " ", "\"", "'\\\n", "càmera de la plaça", "日本"][generator.below(6)]
      default: return generator.pick(words)
      }
    }
    return CloudyService(
      type: text(&generator), description: text(&generator), host: text(&generator), address: text(&generator),
      port: text(&generator), microcloud: text(&generator), text: text(&generator))
  }
}

func base64(_ bytes: [UInt8]) -> String {
  String(decoding: Base64.encoded(bytes), as: UTF8.self)
}
