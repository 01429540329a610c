// In place of AES decryption, which neither GCM nor CCM uses: mbedtls-config.h leaves it out, and mbedtls's tables of
// ciphers still name it.
#include "mbedtls/aes.h"

int mbedtls_aes_setkey_dec(mbedtls_aes_context *context, const unsigned char *key, unsigned bits) {
  (void)context, (void)key, (void)bits;
  return MBEDTLS_ERR_AES_FEATURE_UNAVAILABLE;
}

int mbedtls_internal_aes_decrypt(mbedtls_aes_context *context, const unsigned char input[16],
                                 unsigned char output[16]) {
  (void)context, (void)input, (void)output;
  return MBEDTLS_ERR_AES_FEATURE_UNAVAILABLE;
}
