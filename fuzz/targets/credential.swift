// sources: Sources/Microcloud/COSE Sources/Microcloud/CBOR Sources/Microcloud/Registration/MicrocloudName.swift Sources/Microcloud/Memberlist/CRC32.swift Sources/Basics Sources/Crypto
// C: Sources/CSystem/random.c fuzz/remembered.c --wrap=mbedtls_ecdh_compute_shared --wrap=mbedtls_mpi_exp_mod --wrap=mbedtls_ecdsa_verify -lmbedcrypto
// The input is something that nobody signed, and what somebody signed, and a text. Only what was signed is taken, and it
// is within its bounds.

nonisolated(unsafe) private let issuer = try! P256.PrivateKey(scalar: Secret(Array(repeating: 1, count: 32)))

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCredential(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  unsigned(input)
  signed(input)
  text(input)
  return 0
}

private func unsigned(_ input: [UInt8]) {
  for credential in [AuthenticationCredential(claimsSet: input), AuthenticationCredential(token: input)] {
    if let credential { precondition(credential.encoded == input) }
  }
  do throws(CredentialError) {
    _ = try Credential(input, signedBy: issuer.publicKey)
    preconditionFailure("a credential that nobody signed")
  } catch {
    precondition(!error.description.isEmpty)
  }
  do throws(CredentialError) {
    _ = try RevocationList(input, signedBy: issuer.publicKey)
    preconditionFailure("a list that nobody signed")
  } catch {}
}

/// The input as what somebody signed. Signing is slow, and only maps of the right size are worth it.
private func signed(_ input: [UInt8]) {
  guard let count = (try? CBORDecoder.decode(input))?.mapValue?.entries.count else { return }
  if count == 6 { credential(try! COSESign1.signing(input, by: issuer).value.encoded) }
  let purpose = Array("microagent revocation list".utf8)
  if count == 4 { list(try! COSESign1.signing(input, externalData: purpose, by: issuer).value.encoded) }
}

private func credential(_ token: [UInt8]) {
  do throws(CredentialError) {
    let credential = try Credential(token, signedBy: issuer.publicKey)
    precondition(MicrocloudName.isValid(credential.microcloud) && credential.issued < credential.expires)
    let again = try! credential.signed(by: issuer)
    precondition(again.count <= Credential.maximumBytes, "what was read cannot be sent")
    precondition(try! Credential(again, signedBy: issuer.publicKey) == credential, "another one after a round trip")
    precondition(AuthenticationCredential(token: again)?.publicKey == credential.subject)
  } catch {}
}

private func list(_ signed: [UInt8]) {
  do throws(CredentialError) {
    let list = try RevocationList(signed, signedBy: issuer.publicKey)
    precondition(list.serials.count <= RevocationList.maximumSerials)
    let again = try! list.signed(by: issuer)
    precondition(again.count <= RevocationList.maximumBytes, "what was read cannot be sent")
    precondition(try! RevocationList(again, signedBy: issuer.publicKey) == list, "another one after a round trip")
  } catch {}
}

private func text(_ input: [UInt8]) {
  for kind in CredentialText.Kind.allCases {
    let written = Array(CredentialText.encode(input, kind).utf8)
    if !input.isEmpty, written.count <= CredentialText.maximumCharacters {
      precondition(CredentialText.decode(written, kind) == input, "another text after a round trip")
    }
    if let bytes = CredentialText.decode(input, kind) { precondition(bytes.count < input.count) }
  }
}
