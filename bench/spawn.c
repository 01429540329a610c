// Times a command from its start to its end: `spawn PROGRAM ARGUMENT...`, resident (stopwatch.h).
#include <sys/wait.h>

#include "stopwatch.h"

static char **command;

static struct lap run(void) {
  uint64_t start = nanoseconds();
  pid_t process = vfork();
  if (process == 0) {
    execv(command[0], command);
    _exit(127);
  }
  int status;
  if (process < 0 || waitpid(process, &status, 0) < 0) fail("run a command");
  errno = 0;
  if (status != 0) fail(command[0]);
  uint64_t end = nanoseconds() - start;
  return (struct lap){end, end};
}

int main(int count, char **arguments) {
  if (count < 2) return 2;
  command = arguments + 1;
  return serve(run);
}
