// How mbedtls is built for the boards: only what Sources/Crypto calls. In the sysroot this is <mbedtls/config.h>, so that
// the library and who includes its headers agree. README.md says what each part costs.
//
// What is not named is out: TLS and X.509, files, sockets, threads, time, the entropy and random modules (randomness is
// the kernel's, handed in with each call), and each cipher, hash and curve but these.
#ifndef MBEDTLS_CONFIG_H
#define MBEDTLS_CONFIG_H

// AES-GCM for gossip, AES-CCM for OSCORE. Both only encrypt blocks, so AES decryption stays out (3 kB): see
// mbedtls-encryption-only.c. Four tables, of which three are the first one's rotations: with one alone the program has 3 kB
// less, and a block takes a third more. They are constant: made at the start, they would take memory for good.
#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_DECRYPT_ALT
#define MBEDTLS_AES_SETKEY_DEC_ALT
#define MBEDTLS_CIPHER_C
#define MBEDTLS_GCM_C
#define MBEDTLS_CCM_C

// SHA-256 with its rounds as a loop: 2.5 kB less, a tenth slower.
#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_SMALLER
#define MBEDTLS_HKDF_C

// P-256, with the reduction that its prime allows: without it all takes three times as long. ECDSA takes its nonce from key
// and message (RFC 6979), which HMAC_DRBG generates: a board that knows little randomness yet must not give its key
// away. ECDSA asks for the ASN.1 modules; nothing of them is linked.
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECDSA_DETERMINISTIC
#define MBEDTLS_HMAC_DRBG_C
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
// Every multiplication by a secret is given a random source for its blinding: no generator of the module's own.
#define MBEDTLS_ECP_NO_INTERNAL_RNG
// No table of the base point's multiples (2 kB of memory) for a key exchange now and then.
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0
// Powers are taken of public values only, when a point is decompressed: no table for them.
#define MBEDTLS_MPI_WINDOW_SIZE 1
#define MBEDTLS_MPI_MAX_SIZE 128
// Twice a word's width is divided in the module, where the compiler would call libgcc, which is not linked.
#ifdef __x86_64__
#define MBEDTLS_NO_UDBL_DIVISION
#endif

// The inner loop of long multiplication: MUL and ADC, which every x86 has. What else mbedtls has in assembly is for
// processors that the boards do not have (AES-NI), or not all (PadLock), and stays out.
#define MBEDTLS_HAVE_ASM

#include "mbedtls/check_config.h"

#endif
