// Asks a CoAP server on this host as quickly as it answers.
//
//   coap_load PORT WINDOW FILE
//
// FILE holds datagrams, each behind its length in two bytes (big endian). WINDOW of them are under way at a time; each is
// answered by one. Prints how many nanoseconds it took until all were answered.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "stopwatch.h"

enum { LONGEST = 2048, PATIENCE_SECONDS = 20 };

static int server;
static FILE *file;

// Sends the next one; no: there is none.
static int ask(void) {
  uint8_t length[2], datagram[LONGEST];
  if (fread(length, 1, 2, file) < 2) return 0;
  size_t count = (size_t)length[0] << 8 | length[1];
  if (count > LONGEST || fread(datagram, 1, count, file) < count) fail("read a datagram");
  if (send(server, datagram, count, 0) < 0) fail("send");
  return 1;
}

int main(int count, char **arguments) {
  if (count != 4 || !(file = fopen(arguments[3], "r"))) fail("usage: coap_load PORT WINDOW FILE");
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server = socket(AF_INET, SOCK_DGRAM, 0);
  struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
  setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(server, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");

  int under_way = 0;
  uint64_t start = nanoseconds();
  while (under_way < atoi(arguments[2]) && ask()) under_way++;
  while (under_way > 0) {
    uint8_t answer[LONGEST];
    ssize_t got = recv(server, answer, sizeof answer, 0);
    // 2.05 and the like; the code of a response that OSCORE protects is 2.04 or 2.05, too.
    if (got < 4 || answer[1] >> 5 != 2) fail("an answer");
    if (!ask()) under_way--;
  }
  printf("%llu\n", (unsigned long long)(nanoseconds() - start));
  return 0;
}
