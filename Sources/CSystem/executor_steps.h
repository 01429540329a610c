// What the executor's files share: a step as it was read, the state that steps change, and the steps that take more
// than a call, by family. All return what a system call returns: a negative number where they failed, with errno.
#pragma once
#include "executor.h"

enum { STEP_NUMBERS = 8, STEP_TEXTS = 4 };

// What is missing reads as 0 or "": a bad list fails in the kernel, it does not reach outside itself.
struct step {
  uint32_t operation, number_count, string_count;
  uint32_t number[STEP_NUMBERS];  // the first ones
  const char *text[STEP_TEXTS];   // the first ones
  const uint32_t *numbers;        // all, one behind the other
  const char *strings;            // all, one behind the other
};
struct state {
  int32_t *slots;
  int control, errors;  // the child's ends; -1 in the agent. The mounter's socket is its `errors`
};

static inline uint64_t wide(const struct step *step, uint32_t index) {
  return step->number[index] | (uint64_t)step->number[index + 1] << 32;
}
static inline int slot(const struct state *state, uint32_t index) {
  return index < EXECUTOR_SLOTS ? state->slots[index] : -1;
}

// executor.c: performs the steps one by one, until one fails; `first` is the number of the first one in the plan.
int run_steps(const uint8_t *steps, size_t count, uint32_t first, struct state *state,
              struct executor_failure *failure);

extern int (*perform_runtime_step)(struct state *state, const struct step *step);

// executor_clone.c
int clone_process(uint64_t flags, int cgroup, int *pidfd);
// Ends the container's process before its program.
_Noreturn void report_failure(const struct state *state, const struct executor_failure *failure);

// executor_mounter.c
int do_hand_over(struct state *state, const struct step *step);
int do_take_over(struct state *state, const struct step *step);

// executor_files.c
int keep_descriptor(struct state *state, uint32_t index, int descriptor);
int put_text(int descriptor, const char *string);
int put_file(const char *path, const char *string);
char *put_decimal(char *to, unsigned value);
int do_own(struct state *state, const struct step *step);

// executor_mounts.c
int do_mount(struct state *state, const struct step *step);
int do_move_mount(struct state *state, const struct step *step);
int do_open_tree(struct state *state, const struct step *step);
int do_change_mount(struct state *state, const struct step *step);
int do_bind_node(struct state *state, const struct step *step);
int do_mask(struct state *state, const struct step *step);
int do_read_only(struct state *state, const struct step *step);

// executor_overlay.c
int do_overlay(struct state *state, const struct step *step);

// quotas.c
int do_limit_files(struct state *state, const struct step *step);

// executor_copy.c
int do_mount_copy(struct state *state, const struct step *step);

// executor_process.c
int do_loopback(struct state *state, const struct step *step);
int do_limit(struct state *state, const struct step *step);
int do_reset_signals(struct state *state, const struct step *step);
int do_standard_streams(struct state *state, const struct step *step);
int do_close_others(struct state *state, const struct step *step);
int do_wait(struct state *state, const struct step *step);
int do_execute(struct state *state, const struct step *step);

// executor_terminal.c
int do_terminal(struct state *state, const struct step *step);

// executor_hook.c
int do_run_hook(struct state *state, const struct step *step);

// executor_privileges.c
int do_limit_capabilities(struct state *state, const struct step *step);
int do_set_capabilities(struct state *state, const struct step *step);
int do_user(struct state *state, const struct step *step);
int do_seccomp(struct state *state, const struct step *step);
int set_filter(unsigned flags, const uint32_t *numbers, uint32_t count);
