// The same as coap_load.c for a server that wants DTLS with a pre-shared key, by libcoap.
//
//   dtls_load PORT WINDOW COUNT PATH IDENTITY KEY
//
// Prints how many nanoseconds COUNT requests took, once the handshake was over and one had been answered.
#include <arpa/inet.h>
#include <coap3/coap.h>

#include "stopwatch.h"

static coap_session_t *session;
static const char *path;
static unsigned long sent, answered, wanted;
static uint64_t start;

static void ask(void) {
  coap_pdu_t *request = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
  uint8_t token[8];
  size_t length;
  coap_session_new_token(session, &length, token);
  if (!request || !coap_add_token(request, length, token)) fail("a request");
  coap_add_option(request, COAP_OPTION_URI_PATH, strlen(path), (const uint8_t *)path);
  if (coap_send(session, request) == COAP_INVALID_MID) fail("send");
  sent++;
}

static coap_response_t answer(coap_session_t *from, const coap_pdu_t *request, const coap_pdu_t *response, coap_mid_t id) {
  (void)from, (void)request, (void)id;
  if (COAP_RESPONSE_CLASS(coap_pdu_get_code(response)) != 2) fail("an answer");
  answered++;
  if (start && sent <= wanted) ask();
  return COAP_RESPONSE_OK;
}

int main(int count, char **arguments) {
  if (count != 7) fail("usage: dtls_load PORT WINDOW COUNT PATH IDENTITY KEY");
  unsigned long window = strtoul(arguments[2], NULL, 10);
  wanted = strtoul(arguments[3], NULL, 10);
  path = arguments[4];
  coap_startup();
  coap_context_t *context = coap_new_context(NULL);
  coap_address_t to;
  coap_address_init(&to);
  to.addr.sin.sin_family = AF_INET;
  to.addr.sin.sin_port = htons((uint16_t)atoi(arguments[1]));
  to.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.size = sizeof to.addr.sin;
  coap_dtls_cpsk_t psk = {.version = COAP_DTLS_CPSK_SETUP_VERSION};
  psk.psk_info.identity = (coap_bin_const_t){.s = (const uint8_t *)arguments[5], .length = strlen(arguments[5])};
  psk.psk_info.key = (coap_bin_const_t){.s = (const uint8_t *)arguments[6], .length = strlen(arguments[6])};
  session = coap_new_client_session_psk2(context, NULL, &to, COAP_PROTO_DTLS, &psk);
  if (!session) fail("a session");
  coap_session_set_nstart(session, (uint16_t)window);
  coap_register_response_handler(context, answer);

  ask();
  while (answered < 1) if (coap_io_process(context, 1000) < 0) fail("the handshake");
  start = nanoseconds();
  for (unsigned long i = 0; i < window && sent <= wanted; i++) ask();
  while (answered <= wanted) if (coap_io_process(context, 1000) < 0) fail("wait");
  printf("%llu\n", (unsigned long long)(nanoseconds() - start));
  coap_session_release(session);
  coap_free_context(context);
  return 0;
}
