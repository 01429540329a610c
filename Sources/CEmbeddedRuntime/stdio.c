// The C library's formatted output and its dates would be 20 kB of each program, for three calls in libraries: they are
// answered here with what they are worth.
#ifdef MICROAGENT_EMBEDDED
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void say(const char *text) { (void)!write(STDERR_FILENO, text, strlen(text)); }

// A library's assertion; the crash handler tells where.
_Noreturn void __assert_fail(const char *expression, const char *file, int line, const char *function) {
  (void)line, (void)function;
  const char *parts[] = {file, ": assertion failed: ", expression, "\n"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) say(parts[i]);
  abort();
}

// libuv's remark on a descriptor that a peer sent unasked: the line as it is, without its numbers.
int fprintf(FILE *file, const char *format, ...) {
  (void)file;
  say(format);
  return 0;
}

// SQLite's CURRENT_TIMESTAMP, which no statement of ours uses: the wall clock is for people, and told elsewhere.
size_t strftime(char *to, size_t size, const char *format, const struct tm *time) {
  (void)format, (void)time;
  if (size > 0) *to = 0;
  return 0;
}
#endif
