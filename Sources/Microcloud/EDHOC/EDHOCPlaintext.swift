/// What message_2 and message_3 tell besides keys (PLAINTEXT_2 and PLAINTEXT_3, RFC 9528 sections 5.3.2 and 5.4.2).
struct EDHOCPlaintext {
  let identifier: CredentialIdentifier
  let proof: [UInt8]
  let items: [AuthorizationItem]
  /// The items as they came, the padding too.
  let encodedItems: [UInt8]

  /// Reads what comes after message_2's connection identifier, or all of message_3.
  init(_ reader: inout EDHOCReader, known: [UInt16]) throws(EDHOCError) {
    let (item, sent) = try reader.credentialItem()
    identifier = try CredentialIdentifier(item, sent: sent)
    proof = try reader.bytes()
    (items, encodedItems) = try AuthorizationItem.decode(&reader, known: known)
  }

  static func encode(_ identifier: CredentialIdentifier, proof: [UInt8], items: [UInt8]) -> [UInt8] {
    identifier.encoded + CBORValue.bytes(proof).encoded + items
  }
}
