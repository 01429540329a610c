import Crypto

/// A message, taken apart into what is encrypted and what stays outside (RFC 8613 section 4).
struct OSCOREParts {
  /// Code, options of class E, payload (section 5.3), until they are encrypted.
  var text: [UInt8]
  /// Options of class U.
  private let outerOptions: CoAPOptions
  let hasObserve: Bool

  init(_ message: CoAPMessage) throws(OSCOREError) {
    // Usually all go inside.
    var inner = message.options
    var outer = CoAPOptions()
    for option in message.options.list {
      switch option.number {
      case .oscore, .proxyUri: throw .notProtectable
      case .observe:
        outer.add(option)
        if message.code.isRequest { break }
        // The Partial IV tells notifications apart (section 4.1.3.5.2).
        inner.remove(.observe)
        inner.add(CoAPOption(.observe, []))
      case let number where number.isOutsideOfOSCORE:
        outer.add(option)
        inner.remove(number)
      default: break
      }
    }
    text = []
    text.reserveCapacity(1 + inner.byteEstimate + message.payload.count + AESCCM.Tag.short.rawValue)
    text.append(message.code.rawValue)
    do throws(CoAPError) {
      try inner.encode(payload: message.payload, to: &text)
    } catch {
      throw .tooLarge
    }
    outerOptions = outer
    hasObserve = outer[.observe] != nil
  }

  /// The message that is sent.
  func outer(_ code: CoAPCode, token: [UInt8], _ option: OSCOREOption) -> CoAPMessage {
    var options = outerOptions
    options.add(CoAPOption(.oscore, option.value))
    return CoAPMessage(code: code, token: token, options: options, payload: text)
  }

  /// The message that was protected. Of what came outside only options of class U count, and of these those that are not
  /// inside.
  static func join(_ plaintext: [UInt8], outer: CoAPMessage) throws(OSCOREError) -> CoAPMessage {
    var rest = plaintext[...]
    guard let code = rest.popFirst() else { throw .malformedPlaintext }
    let inner: CoAPOptions
    do throws(CoAPError) {
      inner = try CoAPOptions.decode(from: &rest)
    } catch {
      throw .malformedPlaintext
    }
    if inner[.oscore] != nil { throw .malformedPlaintext }
    var options = inner
    for option in outer.options.list
    where option.number != .oscore && option.number.isOutsideOfOSCORE && inner[option.number] == nil {
      options.add(option)
    }
    let payload = rest.isEmpty ? [] : Array(rest)
    return CoAPMessage(code: CoAPCode(rawValue: code), token: outer.token, options: options, payload: payload)
  }
}

extension CoAPOptionNumber {
  /// Whether an option is of class U only, which those on the way may read and change: what proxies need (RFC 8613 figure 5, RFC
  /// 8768) and what says how the message came to be protected (RFC 9668). All others, unknown ones among them, are encrypted.
  var isOutsideOfOSCORE: Bool {
    switch self {
    case .uriHost, .uriPort, .oscore, .hopLimit, .edhoc, .proxyUri, .proxyScheme: true
    default: false
    }
  }
}
