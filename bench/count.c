// Counts the instructions that a command and all its children do in user space, one by one: `count FILE PROGRAM ARGUMENT...`
// writes the number to FILE. For what has one thread a process. Virtual machines often have no counter for them. A system call is one instruction.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "stopwatch.h"

int main(int count, char **arguments) {
  if (count < 3) return 2;
  pid_t first = fork();
  if (first == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    execv(arguments[2], arguments + 2);
    _exit(127);
  }
  int status, code = 127;
  if (waitpid(first, &status, 0) < 0) fail("wait");
  long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SETOPTIONS, first, NULL, options) < 0) fail("trace");
  ptrace(PTRACE_SINGLESTEP, first, NULL, NULL);
  unsigned long long instructions = 0;
  pid_t process;
  while ((process = waitpid(-1, &status, __WALL)) > 0) {
    if (!WIFSTOPPED(status)) {
      if (process == first) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
      continue;
    }
    int signal = WSTOPSIG(status);
    if (signal == SIGTRAP && status >> 16 == 0) instructions++;
    // A new child's SIGSTOP is its tracer's; other signals are its own.
    if (signal == SIGTRAP || signal == SIGSTOP) signal = 0;
    ptrace(PTRACE_SINGLESTEP, process, NULL, (long)signal);
  }
  FILE *file = fopen(arguments[1], "w");
  if (!file) fail(arguments[1]);
  fprintf(file, "%llu\n", instructions);
  fclose(file);
  return code;
}
