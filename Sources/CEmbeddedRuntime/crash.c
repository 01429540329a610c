// Where a program crashed, in one line on standard error:
//
//   microagentd: crashed at 0x0804abcd (signal 4); resolve with llvm-symbolizer
//
// A trap in Embedded Swift (an index out of range, an overflow) is an illegal instruction without a message, so the
// address is all there is: llvm-symbolizer, given the .debug file that cross/build sets aside, names file, line and
// inlined callers.
#ifdef MICROAGENT_EMBEDDED
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static const int crash_signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGTRAP, SIGABRT};

// A stack overflow leaves no room on the stack it happened on. Big enough for the registers of a large processor, which
// the kernel saves here; it takes no memory until then.
static char signal_stack[16 * 1024] __attribute__((aligned(16)));

static uintptr_t instruction_pointer(const ucontext_t *context) {
#ifdef __x86_64__
  return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#else
  return (uintptr_t)context->uc_mcontext.gregs[REG_EIP];
#endif
}

static char *append(char *end, const char *text) {
  size_t length = strlen(text);
  memcpy(end, text, length);
  return end + length;
}

static char *append_address(char *end, uintptr_t address) {
  for (int shift = (int)sizeof address * 8 - 4; shift >= 0; shift -= 4)
    *end++ = "0123456789abcdef"[address >> shift & 15];
  return end;
}

static char *append_number(char *end, unsigned number) {
  if (number >= 10) end = append_number(end, number / 10);
  *end++ = (char)('0' + number % 10);
  return end;
}

// SA_RESETHAND has restored the default action. Returning would run the faulty instruction again, which ends the
// process for a fault; a signal that was sent (abort, kill) would not come again, so all are raised anew.
static void tell_and_die(int signal, siginfo_t *information, void *context) {
  // The name, which musl cuts from the command, may be as long as a file name.
  char line[384], *end = line;
  if (strlen(program_invocation_short_name) < 256) end = append(end, program_invocation_short_name);
  end = append(end, ": crashed at 0x");
  end = append_address(end, instruction_pointer(context));
  end = append(end, " (signal ");
  end = append_number(end, (unsigned)signal);
  end = append(end, "); resolve with llvm-symbolizer\n");
  (void)!write(STDERR_FILENO, line, (size_t)(end - line));
  raise(signal);
}

__attribute__((constructor)) static void install_crash_handler(void) {
  stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  sigaltstack(&stack, NULL);
  struct sigaction action = {
      .sa_sigaction = tell_and_die,
      .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_ONSTACK,
  };
  for (size_t index = 0; index < sizeof crash_signals / sizeof *crash_signals; index++)
    sigaction(crash_signals[index], &action, NULL);
}
#endif
