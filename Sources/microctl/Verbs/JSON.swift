import MicroAgent
import Microcloud

extension Output {
  /// One JSON document on one line, with the names of docs/PROTOCOL.md.
  func json(_ value: CBORValue) throws(Failure) {
    try line(CBORJSON.encode(value) { APIKey(rawValue: $0)?.name })
  }
}
