// A libcoap server of one resource that is as small as ours: GET /counter. With a key, by DTLS at PORT + 1.
//
//   coap_server PORT [IDENTITY KEY]
#include <arpa/inet.h>
#include <coap3/coap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what) { fprintf(stderr, "coap_server: %s\n", what); exit(1); }

static void answer(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
                   coap_pdu_t *response) {
  (void)resource, (void)session, (void)request, (void)query;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 1, (const uint8_t *)"0");
}

int main(int count, char **arguments) {
  if (count != 2 && count != 4) fail("usage: coap_server PORT [IDENTITY KEY]");
  coap_startup();
  coap_context_t *context = coap_new_context(NULL);
  coap_address_t at;
  coap_address_init(&at);
  at.addr.sin.sin_family = AF_INET;
  at.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.addr.sin.sin_port = htons((uint16_t)atoi(arguments[1]));
  at.size = sizeof at.addr.sin;
  if (count == 4) {
    coap_dtls_spsk_t psk = {.version = COAP_DTLS_SPSK_SETUP_VERSION};
    psk.psk_info.hint = (coap_bin_const_t){.s = (const uint8_t *)arguments[2], .length = strlen(arguments[2])};
    psk.psk_info.key = (coap_bin_const_t){.s = (const uint8_t *)arguments[3], .length = strlen(arguments[3])};
    if (!coap_context_set_psk2(context, &psk)) fail("a key");
  }
  if (!coap_new_endpoint(context, &at, COAP_PROTO_UDP)) fail("an endpoint");
  at.addr.sin.sin_port = htons((uint16_t)(atoi(arguments[1]) + 1));
  if (count == 4 && !coap_new_endpoint(context, &at, COAP_PROTO_DTLS)) fail("an endpoint with DTLS");
  coap_resource_t *resource = coap_resource_init(coap_make_str_const("counter"), 0);
  coap_register_request_handler(resource, COAP_REQUEST_GET, answer);
  coap_add_resource(context, resource);
  while (coap_io_process(context, COAP_IO_WAIT) >= 0) {}
}
