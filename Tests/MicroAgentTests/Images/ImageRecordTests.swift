import MicroAgent
import Microcloud
import Testing

@Suite struct ImageRecordTests {
  private func record(_ layers: [ImageRecord.Layer]) -> ImageRecord {
    ImageRecord(
      id: 1, name: "dns:1", manifest: [1], holder: [2], layers: layers, defaults: ImageDefaults(), used: 3,
      createdSeconds: 4)
  }

  @Test func noticesStayWithTheirLayer() {
    let layers = [
      ImageRecord.Layer(digest: [1], sizeBytes: 10),
      ImageRecord.Layer(digest: [2], sizeBytes: 20, notices: ["/bin/a needs CMOV", "/bin/b may use SSE"]),
    ]
    #expect(ImageRecord.content(record(layers).content)?.layers == layers)
    #expect(record(layers).notices == ["/bin/a needs CMOV", "/bin/b may use SSE"])
  }

  /// As agents wrote them that looked at no programs.
  @Test func recordsWithoutNoticesAreRead() {
    var map = CBORMap()
    map[.layers] = .array([.bytes([1]), .unsigned(10)])
    map[.firstID] = .unsigned(0)
    let layers = ImageRecord.content(CBORValue.map(map).encoded)?.layers
    #expect(layers == [ImageRecord.Layer(digest: [1], sizeBytes: 10)])
    #expect(record(layers ?? []).content == CBORValue.map(map).encoded)
  }
}
