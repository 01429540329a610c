@testable import microctl
