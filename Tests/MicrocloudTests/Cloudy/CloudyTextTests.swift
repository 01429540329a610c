import TestSupport
import Testing

@testable import Microcloud

struct CloudyTextTests {
  @Test func cleansTexts() {
    for (text, cleaned) in [
      ("wiki", "wiki"), ("my  wiki", "my_wiki"), (" my\twiki\n", "my_wiki"), ("a__b", "a__b"), ("", ""),
      (" \"'\\ ", ""),
      ("càmera de la Plaça", "camera_de_la_Placa"), ("l'Òliba", "l_Oliba"), ("日本", ""), ("web 日本 2", "web_2"),
      ("<b>x</b>&$(reboot)`;", "b_x_/b_reboot"), ("Federated=Yes,path=/x%20y", "Federated=Yes,path=/x%20y"),
      ("a×b÷c", "a_b_c"), ("e\u{301}", "e"), ("\u{0}\u{1B}[31mred", "31mred"),
    ] {
      #expect(CloudyText.cleaned(text, maximumBytes: 40) == cleaned)
    }
    #expect(CloudyText.cleaned("four five", maximumBytes: 5) == "four")
    #expect(CloudyText.cleaned("four five", maximumBytes: 6) == "four_f")
  }

  @Test func cleansNames() {
    for (name, cleaned) in [
      ("alix.local", "alix-local"), ("My Board's", "My-Board-s"), ("a_b:c", "a-b-c"), ("日本", ""), ("-x-", "x"),
    ] {
      #expect(CloudyText.cleanedName(name) == cleaned)
    }
    #expect(CloudyText.cleanedName(String(repeating: "x", count: 100)).utf8.count == 63)
  }

  @Test func showsStrangersTextsWithoutControl() {
    #expect(CloudyText.shown("plaça 日本".utf8) == "plaça 日本")
    #expect(CloudyText.shown("\u{1B}[2J\u{7F}\u{9B}\u{202E}x".utf8) == "\u{FFFD}[2J\u{FFFD}\u{FFFD}\u{FFFD}x")
    #expect(CloudyText.shown([0x61, 0xFF, 0x62]) == "a\u{FFFD}b")
    #expect(CloudyText.shown([UInt8](repeating: 0x61, count: 1000)) == String(repeating: "a", count: 128))
  }

  /// Whatever comes, what we say harms nobody's search and fits.
  @Test func saysOnlyHarmlessThings() {
    let harmless = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:/@+=,%".utf8)
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<500 {
      let service = CloudyFixtures.wild(&generator)
      let cleaned = service.cleaned
      for field in CloudyService.fields {
        let value = cleaned[field.letter]!
        #expect(value.utf8.count <= field.maximumBytes)
        #expect(value.utf8.allSatisfy { harmless.contains($0) })
      }
      #expect(cleaned.cleaned == cleaned)
      let name = CloudyText.cleanedName(service.description)
      #expect(name.utf8.allSatisfy { harmless.subtracting("._:/@+=,%".utf8).contains($0) })
      #expect(CloudyText.cleanedName(name) == name)
    }
  }
}
