/// 64 bits of some bytes that nobody without a key of ours can foretell, such as the head of an HMAC. A library supplies it.
public typealias KeyedDigest = @Sendable ([UInt8]) -> UInt64
