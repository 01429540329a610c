import Basics
import TestSupport
import Testing

@testable import Microcloud

/// The error that something throws, if any.
private func dnsError(_ body: () throws(DNSError) -> Void) -> DNSError? {
  do throws(DNSError) {
    try body()
    return nil
  } catch {
    return error
  }
}

private func decodeError(_ hex: String) -> DNSError? {
  dnsError { () throws(DNSError) in _ = try DNSDecoder.decode(bytes(hex)) }
}

struct DNSSDNameTests {
  @Test func textAndBack() throws {
    for text in ["local", "node.local", "Küche eins\\.a._microagent._udp.local", "a\\\\b.local", "x\\000y\\255", "."] {
      let name = try DNSName(text)
      #expect(name.description == text)
      #expect(try DNSName(name.description).wire == name.wire)
    }
    #expect(try DNSName("node.local.") == DNSName("node.local"))
    #expect(try DNSName("Küche eins\\.a.local").labels.first == Array("Küche eins.a".utf8))
    #expect(try DNSName("") == .root)
  }

  /// What a terminal would obey is escaped: ESC, DEL, CSI in its C1 form, and what is not UTF-8.
  @Test func controlCharactersAreEscaped() throws {
    let name = try DNSName(labels: [[0x1B, 0x5B, 0x41], [0x7F], [0xC2, 0x9B], [0xC2, 0xA0], [0xC3, 0xFF]])
    #expect(name.description == "\\027[A.\\127.\\194\\155.\u{A0}.\\195\\255")
    #expect(try DNSName(name.description).wire == name.wire)
  }

  @Test func comparesWithoutCase() throws {
    #expect(try DNSName("NoDe.LOCAL") == DNSName("node.local"))
    #expect(
      try DNSName("KÜCHE.local") != DNSName("küche.local"), "only ASCII letters have a case (RFC 6762 section 16)")
    #expect(try DNSName("a.b") != DNSName("a\\.b"))
    #expect(try DNSName("[") != DNSName("{"), "neighbours of the letters")
    #expect(try DNSName("Node.local").description == "Node.local")
  }

  @Test func parents() throws {
    let name = try DNSName("one._http._tcp.local")
    #expect(try name.parent == DNSName("_http._tcp.local"))
    #expect(try name.isChild(of: DNSName("_HTTP._tcp.local")))
    #expect(try !name.isChild(of: DNSName("_tcp.local")))
    #expect(!DNSName.root.isChild(of: .root))
    #expect(name.firstLabel == "one")
  }

  @Test func limits() throws {
    let longest = String(repeating: "x", count: 63)
    #expect(try DNSName(longest).labels.count == 1)
    #expect(dnsError { () throws(DNSError) in _ = try DNSName(longest + "x") } == .labelTooLong)
    let full = [longest, longest, longest, String(repeating: "y", count: 61)].joined(separator: ".")
    #expect(try DNSName(full).byteCount == DNSName.maximumBytes)
    #expect(dnsError { () throws(DNSError) in _ = try DNSName(full + "y") } == .nameTooLong)
    #expect(dnsError { () throws(DNSError) in _ = try DNSName("a..b") } == .emptyLabel)
    #expect(dnsError { () throws(DNSError) in _ = try DNSName(".a") } == .emptyLabel)
    for text in ["a\\", "a\\25", "a\\256", "a\\2x5"] {
      #expect(dnsError { () throws(DNSError) in _ = try DNSName(text) } == .badEscape)
    }
  }
}

struct DNSSDTextTests {
  @Test func keysAndValues() throws {
    let text = try DNSText(["isa=586", "v", "Path=/a=b", "isa=other", ""])
    #expect(text["ISA"] == Array("586".utf8))
    #expect(text["v"] == [])
    #expect(text["path"] == Array("/a=b".utf8))
    #expect(text["w"] == nil)
    #expect(text.strings.count == 4)
  }

  @Test func nothingIsOneEmptyString() throws {
    #expect(try DNSText([]).wire == [0])
    #expect(try DNSText(data: []) == .empty)
    #expect(DNSText.empty.strings.isEmpty)
    #expect(try DNSText.serf(cluster: "guifi").wire == bytes("14 53657266 20 27 6775696669 27 20 636c7573746572"))
  }

  @Test func limits() {
    let long = String(repeating: "x", count: 256)
    #expect(dnsError { () throws(DNSError) in _ = try DNSText([long]) } == .textTooLong)
    let many = [String](repeating: String(repeating: "x", count: 255), count: 3)
    #expect(dnsError { () throws(DNSError) in _ = try DNSText(many) } == .textTooLong)
    #expect(dnsError { () throws(DNSError) in _ = try DNSText(data: [2, 0x61]) } == .badData(type: 16))
  }
}

struct DNSSDCodecTests {
  /// The names of RFC 1035 section 4.1.4: FOO.F.ISI.ARPA and ARPA end in what stands before.
  @Test func readsNamesOfRFC1035() throws {
    var message = bytes("0000 0000 0003 0000 0000 0000")
    message += bytes("01 46 03 495349 04 41525041 00 0001 0001")  // at 12: F.ISI.ARPA
    message += bytes("03 464F4F C00C 0001 0001")  // FOO and a pointer to 12
    message += bytes("C012 0001 0001")  // a pointer to ARPA at 18
    let questions = try DNSDecoder.decode(message).questions
    #expect(questions.map(\.name.description) == ["F.ISI.ARPA", "FOO.F.ISI.ARPA", "ARPA"])
    #expect(try DNSDecoder.decode(message).encoded() == message)
  }

  /// Avahi compresses as we do, so that the same bytes come out.
  @Test func readsAndWritesAvahisPackets() throws {
    for packet in AvahiPackets.all {
      let message = try DNSDecoder.decode(bytes(packet))
      #expect(try DNSDecoder.decode(message.encoded()) == message)
      #expect(try message.encoded() == bytes(packet))
    }
  }

  @Test func understandsAvahisAnswer() throws {
    let message = try DNSDecoder.decode(bytes(AvahiPackets.answer))
    let instance = try DNSName("Küche eins\\.a._microagent._udp.local")
    let host = try DNSName("node.local")
    let link = IPAddress.v6(high: 0xFE80_0000_0000_0000, low: 0x6469_09FF_FEA2_E27A)
    #expect(message.flags.isResponse && message.flags.isPlain && !message.flags.isTruncated)
    #expect(
      message.answers == [
        DNSRecord(.microagentType, .pointer(instance), ttlSeconds: 4500, isUnique: false),
        DNSRecord(instance, .text(try DNSText(["isa=586", "v"])), ttlSeconds: 4500, isUnique: true),
        DNSRecord(
          instance, .service(priority: 0, weight: 0, port: 5683, host: host), ttlSeconds: 120, isUnique: true),
        DNSRecord(host, .address(link), ttlSeconds: 120, isUnique: true),
        DNSRecord(host, .address(.v4(0x0A4D_0001)), ttlSeconds: 120, isUnique: true),
      ])
  }

  @Test func understandsAvahisProbe() throws {
    let message = try DNSDecoder.decode(bytes(AvahiPackets.probe))
    let instance = try DNSName("Küche eins\\.a._microagent._udp.local")
    #expect(message.questions == [DNSQuestion(instance, .any)])
    #expect(message.authorities.map(\.type) == [.srv, .txt])
    #expect(message.authorities.allSatisfy { !$0.isUnique && $0.name == instance })
  }

  @Test func bitsBesideTheClass() throws {
    var message = DNSMessage(flags: .truncatedQuery)
    message.questions = [DNSQuestion(.microagentType, .ptr, wantsUnicast: true)]
    message.answers = [
      DNSRecord(.microagentType, .other(DNSType(rawValue: 13), [1, 2]), ttlSeconds: 1, isUnique: true)
    ]
    let encoded = try message.encoded()
    #expect(encoded[2] == 0x02)
    #expect(Array(encoded[37..<42]) == bytes("0c 8001 c00c"))
    #expect(try DNSDecoder.decode(encoded) == message)
  }

  /// RFC 4034 section 4.3: alfa.example.com. NSEC host.example.com. ( A MX RRSIG NSEC TYPE1234 )
  @Test func readsNSECOfRFC4034() throws {
    let bitmap = bytes("0006 400100000003 041b 0000000000000000000000000000000000000000000000000000 20")
    var message = bytes(
      "0000 8400 0000 0001 0000 0000 04 616c6661 07 6578616d706c65 03 636f6d 00 002f 0001 00015180 0037")
    message += bytes("04 686f7374 07 6578616d706c65 03 636f6d 00") + bitmap
    let record = try DNSDecoder.decode(message).answers[0]
    #expect(record.data == .nextSecure(try DNSName("host.example.com"), bitmap: bitmap))
  }

  @Test func writesNSECOfWhatIsThere() throws {
    let host = try DNSName("node.local")
    let record = DNSRecord.only([.a, .aaaa], at: host, ttlSeconds: 120)
    #expect(record.data == .nextSecure(host, bitmap: bytes("00 04 40000008")))
    let none = DNSRecord.only([], at: host, ttlSeconds: 120)
    for record in [record, none] {
      let message = DNSMessage(flags: .response, answers: [record])
      #expect(try DNSDecoder.decode(message.encoded()) == message)
    }
  }

  /// RFC 6762 section 8.2: 169.254.99.200 before 169.254.200.50, and there the second one wins.
  @Test func tieBreakOfRFC6762() throws {
    let name = try DNSName("myprinter.local")
    func address(_ number: UInt32) -> DNSRecord {
      DNSRecord(name, .address(.v4(number)), ttlSeconds: 120, isUnique: false)
    }
    let (first, second) = (address(0xA9FE_63C8), address(0xA9FE_C832))
    #expect(DNSRecord.precede([first], [second]))
    #expect(!DNSRecord.precede([second], [first]))
    #expect(!DNSRecord.precede([first], [first]))
    #expect(DNSRecord.precede([first], [second, first]), "the list that ends first loses, whatever the order sent")
    let text = DNSRecord(name, .text(.empty), ttlSeconds: 120, isUnique: false)
    #expect(DNSRecord.precede([second], [text]), "the type counts before the data")
  }

  @Test func servicesStayWholeForPlainClients() throws {
    let host = try DNSName("node.local")
    let record = DNSRecord(
      host, .service(priority: 1, weight: 2, port: 3, host: host), ttlSeconds: 10, isUnique: false)
    var packet = DNSPacket(flags: .response, maximumBytes: 512, compressesServices: false)
    let fits = packet.append(record, to: .answer)
    #expect(fits)
    #expect(Array(packet.bytes.suffix(18)) == bytes("0001 0002 0003") + host.wire + [0])
    #expect(try DNSDecoder.decode(packet.bytes).answers == [record])
  }

  @Test func aFullPacketTakesNothingHalf() throws {
    let host = try DNSName("node.local")
    let record = DNSRecord(host, .text(try DNSText(["0123456789"])), ttlSeconds: 1, isUnique: false)
    for limit in 12..<80 {
      var packet = DNSPacket(flags: .response, maximumBytes: limit)
      var count = 0
      while packet.append(record, to: .additional) { count += 1 }
      #expect(packet.bytes.count <= limit)
      #expect(try DNSDecoder.decode(packet.bytes).additionals == [DNSRecord](repeating: record, count: count))
    }
  }
}

struct DNSSDHostileCodecTests {
  @Test func everyTruncationIsAnError() throws {
    for packet in AvahiPackets.all {
      let whole = bytes(packet)
      for count in 0..<whole.count {
        let part = Array(whole.prefix(count))
        #expect(dnsError { () throws(DNSError) in _ = try DNSDecoder.decode(part) } == .truncated)
      }
      let longer = whole + [0]
      #expect(dnsError { () throws(DNSError) in _ = try DNSDecoder.decode(longer) } == .trailingBytes)
    }
  }

  @Test func pointersThatNeverEnd() {
    let head = "0000 0000 0001 0000 0000 0000"
    #expect(decodeError(head + "c00c 0001 0001") == .forwardPointer, "to itself")
    #expect(decodeError(head + "c00e c00c 0001 0001") == .forwardPointer, "forward")
    #expect(decodeError(head + "01 61 c00c 0001 0001") == .forwardPointer, "to the start of the same name")
    let two = "0000 0000 0002 0000 0000 0000"
    #expect(decodeError(two + "01 61 00 0001 0001 01 62 c013 0001 0001") == .forwardPointer)
    #expect(decodeError(head + "01 61 c0") == .truncated)
    #expect(decodeError(head + "01 61 ff") == .truncated)
    #expect(decodeError(head + "40 61 00 0001 0001") == .reservedLabel)
    #expect(decodeError(head + "80 61 00 0001 0001") == .reservedLabel)
  }

  /// Each question's name is a label and a pointer to the name before: the names grow until one is too long.
  @Test func pointersThatGrow() {
    var message = bytes("0000 0000 00ff 0000 0000 0000") + bytes("01 61 00 0001 0001")
    var previous = 12
    for _ in 1..<255 {
      let place = message.count
      message += [1, 0x62, 0xC0 | UInt8(previous >> 8), UInt8(previous & 0xFF)] + bytes("0001 0001")
      previous = place
    }
    #expect(dnsError { () throws(DNSError) in _ = try DNSDecoder.decode(message) } == .nameTooLong)
  }

  @Test func dataOfAnotherForm() {
    let head = "0000 8400 0000 0001 0000 0000 01 61 00"
    #expect(decodeError(head + "0001 0001 00000078 0003 0a0000") == .badData(type: 1))
    #expect(decodeError(head + "0001 0001 00000078 0010 00000000000000000000000000000000") == .badData(type: 1))
    #expect(decodeError(head + "001c 0001 00000078 0004 0a000001") == .badData(type: 28))
    #expect(decodeError(head + "000c 0001 00000078 0001 00ff") == .trailingBytes)
    #expect(decodeError(head + "000c 0001 00000078 0003 00ffff") == .badData(type: 12))
    #expect(decodeError(head + "0021 0001 00000078 0004 00000000") == .truncated)
    #expect(decodeError(head + "0010 0001 00000078 0002 0261") == .badData(type: 16))
    #expect(decodeError(head + "002f 0001 00000078 0003 000000") == .badData(type: 47), "a bitmap of no byte")
    #expect(decodeError(head + "002f 0001 00000078 0007 00 0001ff 0001ff") == .badData(type: 47), "a window twice")
    #expect(decodeError(head + "0001 0001 00000078 ffff 0a000001") == .truncated)
  }

  @Test func tooMany() {
    let questions = bytes("0000 0000 0101 0000 0000 0000") + [UInt8](repeating: 0, count: 5 * 257)
    #expect(dnsError { () throws(DNSError) in _ = try DNSDecoder.decode(questions) } == .tooManyRecords)
    let large = [UInt8](repeating: 0, count: DNSMessage.maximumBytes + 1)
    #expect(dnsError { () throws(DNSError) in _ = try DNSDecoder.decode(large) } == .messageTooLarge)
    #expect(decodeError("0000 0000 ffff ffff ffff ffff") == .tooManyRecords)
  }

  /// Whatever comes, it is a message that can be written and read again, or an error that can be shown.
  @Test func mutatedPackets() throws {
    var random = SeededGenerator(seed: 6762)
    var taken = 0
    for round in 0..<20_000 {
      var packet = bytes(AvahiPackets.all[round % AvahiPackets.all.count])
      for _ in 0...random.below(4) {
        switch random.below(3) {
        case 0: packet[random.below(packet.count)] = UInt8(truncatingIfNeeded: random.next())
        case 1: packet.remove(at: random.below(packet.count))
        default: packet.insert(UInt8(truncatingIfNeeded: random.next()), at: random.below(packet.count))
        }
      }
      do throws(DNSError) {
        let message = try DNSDecoder.decode(packet)
        taken += 1
        let encoded = try message.encoded()
        #expect(try DNSDecoder.decode(encoded) == message)
      } catch {
        #expect(!error.description.isEmpty)
      }
    }
    #expect(taken > 1000)
  }
}
