/// A service as Cloudy lists it. All of it is text, and what others say of theirs is a stranger's word.
public struct CloudyService: Equatable, Sendable {
  /// What it is, as the name of a tab in Cloudy's page: `Docker` if it can be opened in a browser.
  public var type: String
  public var description: String
  /// `node.guifi.local`
  public var host: String
  public var address: String
  public var port: String
  public var microcloud: String
  /// Whatever else the type wants to be known.
  public var text: String

  public init(
    type: String, description: String, host: String, address: String, port: String, microcloud: String,
    text: String = ""
  ) {
    self.type = type
    self.description = description
    self.host = host
    self.address = address
    self.port = port
    self.microcloud = microcloud
    self.text = text
  }

  /// What Cloudy calls the host of a node.
  public static func host(ofNode name: String) -> String { name + ".guifi.local" }

  /// A service that a web browser can open.
  public static let webType = "Docker"

  /// The fields in the order in which Cloudy writes them: a letter, and the most bytes that we write of it. The agent's
  /// own entry is never dropped, so one entry with fields as long as these has to fit whatever they hold.
  static let fields: [(letter: UInt8, maximumBytes: Int)] = [
    (UInt8(ascii: "s"), 20), (UInt8(ascii: "d"), 40), (UInt8(ascii: "m"), 75), (UInt8(ascii: "i"), 39),
    (UInt8(ascii: "p"), 5), (UInt8(ascii: "e"), 24), (UInt8(ascii: "t"), 80),
  ]

  /// The field of a letter; nil for a letter that stands for none. Setting such a one does nothing.
  subscript(letter: UInt8) -> String? {
    get {
      switch letter {
      case UInt8(ascii: "s"): type
      case UInt8(ascii: "d"): description
      case UInt8(ascii: "m"): host
      case UInt8(ascii: "i"): address
      case UInt8(ascii: "p"): port
      case UInt8(ascii: "e"): microcloud
      case UInt8(ascii: "t"): text
      default: nil
      }
    }
    set {
      let value = newValue ?? ""
      switch letter {
      case UInt8(ascii: "s"): type = value
      case UInt8(ascii: "d"): description = value
      case UInt8(ascii: "m"): host = value
      case UInt8(ascii: "i"): address = value
      case UInt8(ascii: "p"): port = value
      case UInt8(ascii: "e"): microcloud = value
      case UInt8(ascii: "t"): text = value
      default: break
      }
    }
  }

  /// The service as we say it: see `CloudyText.cleaned`.
  public var cleaned: CloudyService {
    var cleaned = self
    for field in Self.fields {
      cleaned[field.letter] = self[field.letter].map { CloudyText.cleaned($0, maximumBytes: field.maximumBytes) }
    }
    return cleaned
  }

  /// Nothing in any field.
  static let empty = CloudyService(type: "", description: "", host: "", address: "", port: "", microcloud: "")
}
