import Basics

@testable import MicroAgent

/// The least that can be asked for.
func plainRequest(_ name: String = "dns", _ change: (inout ContainerRequest) -> Void = { _ in }) -> ContainerRequest {
  var request = ContainerRequest()
  request.name = name
  request.root = "/srv/root"
  request.command = ["sh"]
  change(&request)
  return request
}

/// What a call throws; nil: nothing.
func refusal<Value>(_ call: () throws(RequestError) -> Value) -> RequestError? {
  do {
    _ = try call()
    return nil
  } catch {
    return error
  }
}
