import Testing

@testable import Unpacker

struct UnpackReportTests {
  @Test(arguments: [
    UnpackReport.progress(blobBytes: 1 << 33),
    .done(UnpackReport.Summary(bytes: .max, entries: .max, skipped: 3)),
    .notice("/bin/app needs CMOV"),
    .failed("unpack the layer: étc"),
  ])
  func readsWhatItWrites(_ report: UnpackReport) {
    #expect(UnpackReport(report.encoded) == report)
  }

  @Test func neverExceedsAMessage() {
    let report = UnpackReport.failed(String(repeating: "x", count: 5000))
    #expect(report.encoded.count == UnpackReport.maximumBytes)
  }

  @Test(arguments: [[], [0], [0, 1, 2, 3, 4, 5, 6, 7], [1, 0], [4, 1, 2], [0xFF]] as [[UInt8]])
  func refusesNonsense(_ message: [UInt8]) {
    #expect(UnpackReport(message) == nil)
  }
}
