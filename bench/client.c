// Times containers through a running agent, as its clients see them: one connection, one container after the other.
//
//   client [-r] [-u] SOCKET ROOTFS PROGRAM     resident (stopwatch.h)
//     -r  read-only root file system, so no overlay
//     -u  no user namespace
//
// It speaks what docs/PROTOCOL.md says, CoAP over a stream (RFC 8323) with CBOR. In one write it asks for a container that
// is removed when it has ended, and to be told of its state (Observe, RFC 7641). The state `removing` means that its end is
// known, the answer 4.04 that nothing of it is left.
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/un.h>

#include "stopwatch.h"

enum {
  CSM = 0xE1, GET = 0x01, POST = 0x02, CREATED = 0x41, CONTENT = 0x45, NOT_FOUND = 0x84,
  OBSERVE = 6, URI_PATH = 11, CONTENT_FORMAT = 12, CBOR = 60,
  TOKEN_RUN = 1, TOKEN_STATE = 2,
};

static const char *root, *program;
static int connection, is_read_only, has_user_namespace = 1;
static unsigned runs;

// Writing.

struct buffer {
  uint8_t bytes[4096];
  size_t count;
};

static void byte(struct buffer *to, unsigned value) { to->bytes[to->count++] = (uint8_t)value; }

static void append(struct buffer *to, const void *bytes, size_t count) {
  memcpy(to->bytes + to->count, bytes, count);
  to->count += count;
}

static void cbor_head(struct buffer *to, unsigned major, uint32_t value) {
  if (value < 24) return byte(to, major << 5 | value);
  byte(to, major << 5 | 26);
  for (int shift = 24; shift >= 0; shift -= 8) byte(to, value >> shift);
}

static void cbor_text(struct buffer *to, const char *text) {
  cbor_head(to, 3, (uint32_t)strlen(text));
  append(to, text, strlen(text));
}

static void cbor_number(struct buffer *to, uint32_t key, uint32_t value) {
  cbor_head(to, 0, key);
  cbor_head(to, 0, value);
}

static void cbor_flag(struct buffer *to, uint32_t key, int value) {
  cbor_head(to, 0, key);
  byte(to, value ? 0xF5 : 0xF4);
}

// The numbers are Sources/MicroAgent/API/APIKey.swift's.
static void container_request(struct buffer *to, const char *name) {
  byte(to, 0xBF);
  cbor_head(to, 0, 1), cbor_text(to, name);
  cbor_head(to, 0, 2), cbor_text(to, root);
  cbor_head(to, 0, 3), cbor_head(to, 4, 1), cbor_text(to, program);
  if (is_read_only) cbor_flag(to, 9, 1);
  if (!has_user_namespace) cbor_flag(to, 11, 0);
  cbor_number(to, 16, 4 << 20);
  cbor_number(to, 17, 64);
  cbor_number(to, 18, 500);
  cbor_flag(to, 21, 1);
  byte(to, 0xFF);
}

// An option's number is given as the difference to the one before; its length here is always below 13.
static void option(struct buffer *to, unsigned step, const void *value, size_t length) {
  byte(to, step << 4 | (unsigned)length);
  append(to, value, length);
}

static void message(struct buffer *to, unsigned code, unsigned token, const struct buffer *body) {
  if (body->count < 13) {
    byte(to, (unsigned)body->count << 4 | 1);
  } else if (body->count < 269) {
    byte(to, 13 << 4 | 1), byte(to, (unsigned)body->count - 13);
  } else {
    byte(to, 14 << 4 | 1), byte(to, (unsigned)(body->count - 269) >> 8), byte(to, (unsigned)body->count - 269);
  }
  byte(to, code);
  byte(to, token);
  append(to, body->bytes, body->count);
}

static void send_all(const struct buffer *buffer) {
  for (size_t sent = 0; sent < buffer->count;) {
    ssize_t count = write(connection, buffer->bytes + sent, buffer->count - sent);
    if (count < 0) fail("write to the agent");
    sent += (size_t)count;
  }
}

// Reading.

struct answer {
  unsigned code, token;
  const uint8_t *body;
  size_t count;
};

static uint8_t inbox[65536];
static size_t inbox_start, inbox_end;

static void need(size_t count) {
  if (inbox_start == inbox_end) inbox_start = inbox_end = 0;
  while (inbox_end - inbox_start < count) {
    if (inbox_end == sizeof inbox) {
      memmove(inbox, inbox + inbox_start, inbox_end - inbox_start);
      inbox_end -= inbox_start;
      inbox_start = 0;
    }
    ssize_t got = read(connection, inbox + inbox_end, sizeof inbox - inbox_end);
    if (got == 0) errno = 0;
    if (got <= 0) fail("read from the agent");
    inbox_end += (size_t)got;
  }
}

static struct answer next_answer(void) {
  need(2);
  const uint8_t *head = inbox + inbox_start;
  size_t length = head[0] >> 4, token_length = head[0] & 15, extra = length < 13 ? 0 : length - 12;
  need(1 + extra);
  head = inbox + inbox_start;
  if (extra) {
    length = extra == 1 ? 13 : extra == 2 ? 269 : 65805;
    size_t more = 0;
    for (size_t i = 1; i <= extra; i++) more = more << 8 | head[i];
    length += more;
  }
  size_t whole = 2 + extra + token_length + length;
  need(whole);
  head = inbox + inbox_start;
  struct answer answer = {head[1 + extra], token_length ? head[2 + extra] : 0, head + 2 + extra + token_length, length};
  inbox_start += whole;
  return answer;
}

// Key 31, `phase`, with this text: nothing else in a state looks like it.
static int has_phase(const struct answer *answer, const char *phase) {
  struct buffer entry = {.count = 0};
  byte(&entry, 0x18), byte(&entry, 31), cbor_text(&entry, phase);
  return memmem(answer->body, answer->count, entry.bytes, entry.count) != NULL;
}

// One container.

static void ask(const char *name) {
  struct buffer out = {.count = 0}, body = {.count = 0};
  const uint8_t cbor = CBOR;
  option(&body, URI_PATH, "containers", 10);
  option(&body, CONTENT_FORMAT - URI_PATH, &cbor, 1);
  byte(&body, 0xFF);
  container_request(&body, name);
  message(&out, POST, TOKEN_RUN, &body);
  body.count = 0;
  option(&body, OBSERVE, NULL, 0);
  option(&body, URI_PATH - OBSERVE, "containers", 10);
  option(&body, 0, name, strlen(name));
  message(&out, GET, TOKEN_STATE, &body);
  send_all(&out);
}

static struct lap run(void) {
  char name[13];
  struct lap lap = {0, 0};
  snprintf(name, sizeof name, "bench-%u", ++runs % 100000);
  uint64_t start = nanoseconds();
  ask(name);
  int is_running = 0;
  while (!lap.gone || !is_running) {
    struct answer answer = next_answer();
    if (answer.token == TOKEN_RUN) {
      if (answer.code != CREATED) fprintf(stderr, "%.*s\n", (int)answer.count, answer.body), errno = 0, fail("run");
      is_running = 1;
    } else if (answer.token == TOKEN_STATE) {
      if (answer.code == NOT_FOUND) lap.gone = nanoseconds() - start;
      if (answer.code == CONTENT && !lap.ended && has_phase(&answer, "removing")) lap.ended = nanoseconds() - start;
    }
  }
  errno = 0;
  if (!lap.ended) fail("the end of a container was not told");
  return lap;
}

static void connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) fail(path);
  strcpy(address.sun_path, path);
  connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) < 0) fail(path);
  struct buffer out = {.count = 0}, body = {.count = 0};
  message(&out, CSM, 0, &body);
  send_all(&out);
}

int main(int count, char **arguments) {
  int flag;
  while ((flag = getopt(count, arguments, "+ru")) != -1) switch (flag) {
      case 'r': is_read_only = 1; break;
      case 'u': has_user_namespace = 0; break;
      default: return 2;
    }
  if (count - optind != 3) return 2;
  root = arguments[optind + 1];
  program = arguments[optind + 2];
  connect_to(arguments[optind]);
  return serve(run);
}
