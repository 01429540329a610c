// Times commands from the start of the first to the end of the last: `spawn PROGRAM ARGUMENT... [, PROGRAM ARGUMENT...]...`,
// resident (stopwatch.h).
#include <sys/wait.h>

#include "stopwatch.h"

enum { MAX_COMMANDS = 8 };

static char **commands[MAX_COMMANDS];
static int command_count;

static void run_one(char **command) {
  pid_t process = vfork();
  if (process == 0) {
    execv(command[0], command);
    _exit(127);
  }
  int status;
  if (process < 0 || waitpid(process, &status, 0) < 0) fail("run a command");
  errno = 0;
  if (status != 0) fail(command[0]);
}

static struct lap run(void) {
  uint64_t start = nanoseconds();
  for (int i = 0; i < command_count; i++) run_one(commands[i]);
  uint64_t end = nanoseconds() - start;
  return (struct lap){end, end};
}

int main(int count, char **arguments) {
  if (count < 2) return 2;
  commands[command_count++] = arguments + 1;
  for (int i = 1; i < count; i++) {
    if (strcmp(arguments[i], ",") != 0) continue;
    arguments[i] = NULL;
    if (command_count == MAX_COMMANDS) return 2;
    commands[command_count++] = arguments + i + 1;
  }
  return serve(run);
}
