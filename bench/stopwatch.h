// What the benchmark's contenders have in common: a resident process that is told, line by line, how often to run and how
// long to idle before each run, and that answers each run with a line of two numbers.
//
//   stdin   COUNT PAUSE_MILLISECONDS
//   stdout  ENDED GONE                  nanoseconds since the start of the run, COUNT times
//
// So all of them stay warm side by side, and bench/run interleaves them as it likes.
#pragma once
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// When the program's end was known, and when nothing of the container was left.
struct lap {
  uint64_t ended, gone;
};

static inline uint64_t nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline _Noreturn void fail(const char *what) {
  fprintf(stderr, "bench: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
  exit(1);
}

static inline int serve(struct lap (*run)(void)) {
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    char *rest;
    unsigned long count = strtoul(line, &rest, 10), pause_milliseconds = strtoul(rest, NULL, 10);
    for (unsigned long i = 0; i < count; i++) {
      usleep((useconds_t)pause_milliseconds * 1000);
      struct lap lap = run();
      printf("%llu %llu\n", (unsigned long long)lap.ended, (unsigned long long)lap.gone);
    }
    fflush(stdout);
  }
  return 0;
}
