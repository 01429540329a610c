// The guest's process 1: runs commands that the host asks for over one virtio-serial port, any number at a time.
//
// It is a freestanding program (Linux system calls only, no C library), so that the host's gcc can build it for i386
// without 32-bit libraries. virtual.py holds the other half of the protocol: frames of three little-endian 32-bit words
// {channel, type, payload bytes} and the payload. A channel is one command from its START until it has ended and nobody
// holds its output any more.
//
//   host to guest: START {argument count, variable count, "directory\0" "argument\0"... "NAME=value\0"...}
//                  INPUT {bytes}, one at a time: the next only after TAKEN; INPUT_END {}; KILL {pid, signal}
//   guest to host: READY {}; STARTED {pid or -errno}; OUTPUT {bytes}; ERRORS {bytes}; TAKEN {}; ENDED {wait status},
//                  which comes after all that the command itself had written; CLOSED {}; KILLED {0 or -errno}
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/signal.h>
#include <linux/wait.h>

typedef unsigned int word;
enum { START = 'S', INPUT = 'I', INPUT_END = 'E', KILL = 'K' };
enum { READY = 'r', STARTED = 's', OUTPUT = 'o', ERRORS = 'e', TAKEN = 't', ENDED = 'x', CLOSED = 'c', KILLED = 'k' };
enum { FRAME_LIMIT = 65536, INPUT_LIMIT = 16384, CHANNEL_LIMIT = 256, STRING_LIMIT = 1024 };

struct channel {
    word number, input_bytes, input_offset;
    int used, pid, ended, input_ending;
    int pipes[3];  // the agent's ends of standard input, output and error; -1 when closed
    char input[INPUT_LIMIT];
};

static struct channel channels[CHANNEL_LIMIT];
static char frame[FRAME_LIMIT];
static int port;

static int call(int number, long a, long b, long c, long d) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
    return result;
}
#define CALL(name, a, b, c, d) call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d))

// The compiler may call these two for assignments and loops.
void *memcpy(void *to, const void *from, unsigned long count) {
    for (unsigned long i = 0; i < count; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
void *memset(void *to, int value, unsigned long count) {
    for (unsigned long i = 0; i < count; i++) ((volatile char *)to)[i] = value;
    return to;
}

// Without the port there is nothing left to do; the end of process 1 is a kernel panic, on which the VM ends.
static void die(void) { CALL(exit_group, 1, 0, 0, 0); }

static void send_all(const void *bytes, word count) {
    for (word sent = 0; sent < count;) {
        int written = CALL(write, port, (const char *)bytes + sent, count - sent, 0);
        if (written > 0) sent += written;
        else if (written != -EINTR) die();
    }
}
static void send(word channel, word type, const void *payload, word count) {
    word head[3] = {channel, type, count};
    send_all(head, sizeof head);
    send_all(payload, count);
}
static void receive_all(void *bytes, word count) {
    for (word got = 0; got < count;) {
        int result = CALL(read, port, (char *)bytes + got, count - got, 0);
        if (result > 0) got += result;
        else if (result != -EINTR) die();
    }
}

static void close_end(struct channel *c, int end) {
    if (c->pipes[end] < 0) return;
    CALL(close, c->pipes[end], 0, 0, 0);
    c->pipes[end] = -1;
}
static void free_when_over(struct channel *c) {
    if (!c->ended || c->pipes[1] >= 0 || c->pipes[2] >= 0) return;
    close_end(c, 0);
    send(c->number, CLOSED, 0, 0);
    c->used = 0;
}

// Sends what one output pipe holds: once, or until it is empty. A pipe that is empty for good is closed.
static void forward(struct channel *c, int end, int until_empty) {
    static char bytes[INPUT_LIMIT];
    while (c->pipes[end] >= 0) {
        int count = CALL(read, c->pipes[end], bytes, sizeof bytes, 0);
        if (count == -EAGAIN) return;
        if (count <= 0) { close_end(c, end); return; }
        send(c->number, end == 1 ? OUTPUT : ERRORS, bytes, count);
        if (!until_empty) return;
    }
}
static void feed(struct channel *c) {
    int count = CALL(write, c->pipes[0], c->input + c->input_offset, c->input_bytes - c->input_offset, 0);
    if (count == -EAGAIN) return;
    c->input_offset += count;
    if (count > 0 && c->input_offset < c->input_bytes) return;
    c->input_bytes = c->input_offset = 0;
    if (count < 0 || c->input_ending) close_end(c, 0);
    send(c->number, TAKEN, 0, 0);
}

static void reap(void) {
    int pid, status;
    while ((pid = CALL(wait4, -1, &status, WNOHANG, 0)) > 0)
        for (int i = 0; i < CHANNEL_LIMIT; i++) {
            struct channel *c = &channels[i];
            if (!c->used || c->ended || c->pid != pid) continue;
            forward(c, 1, 1);
            forward(c, 2, 1);
            c->ended = 1;
            send(c->number, ENDED, &status, sizeof status);
            free_when_over(c);
        }
}

static int has_slash(const char *s) {
    for (; *s; s++) if (*s == '/') return 1;
    return 0;
}
// execvp: tries each directory of the command's own PATH.
static int execute(char **arguments, char **variables) {
    if (has_slash(arguments[0])) return CALL(execve, arguments[0], arguments, variables, 0);
    for (char **v = variables; *v; v++) {
        char *path = *v;
        if (path[0] != 'P' || path[1] != 'A' || path[2] != 'T' || path[3] != 'H' || path[4] != '=') continue;
        for (path += 5; *path;) {
            char name[512];
            word n = 0;
            while (*path && *path != ':' && n < 250) name[n++] = *path++;
            if (*path == ':') path++;
            name[n++] = '/';
            for (char *a = arguments[0]; *a && n < 510; a++) name[n++] = *a;
            name[n] = 0;
            int error = CALL(execve, name, arguments, variables, 0);
            if (error != -ENOENT && error != -ENOTDIR) return error;
        }
    }
    return -ENOENT;
}

static void run_child(int ends[3], int report, char *directory, char **arguments, char **variables) {
    unsigned long none[2] = {0, 0};
    CALL(setsid, 0, 0, 0, 0);
    CALL(rt_sigprocmask, SIG_SETMASK, none, 0, 8);
    for (int i = 0; i < 3; i++) CALL(dup2, ends[i], i, 0, 0);
    int error = CALL(chdir, directory, 0, 0, 0);
    if (error == 0) error = execute(arguments, variables);
    CALL(write, report, &error, sizeof error, 0);
    CALL(exit_group, 127, 0, 0, 0);
}

static int spawn(struct channel *c, char *directory, char **arguments, char **variables) {
    int in[2], out[2], errors[2], report[2], result;
    CALL(pipe2, in, O_CLOEXEC, 0, 0);
    CALL(pipe2, out, O_CLOEXEC, 0, 0);
    CALL(pipe2, errors, O_CLOEXEC, 0, 0);
    CALL(pipe2, report, O_CLOEXEC, 0, 0);
    int pid = CALL(fork, 0, 0, 0, 0);
    int ends[3] = {in[0], out[1], errors[1]};
    if (pid == 0) run_child(ends, report[1], directory, arguments, variables);
    for (int i = 0; i < 3; i++) CALL(close, ends[i], 0, 0, 0);
    CALL(close, report[1], 0, 0, 0);
    c->pipes[0] = in[1]; c->pipes[1] = out[0]; c->pipes[2] = errors[0];
    for (int i = 0; i < 3; i++) CALL(fcntl, c->pipes[i], F_SETFL, O_NONBLOCK, 0);
    if (pid > 0 && CALL(read, report[0], &result, sizeof result, 0) == sizeof result) {
        CALL(wait4, pid, 0, 0, 0);
        pid = result;
    }
    CALL(close, report[0], 0, 0, 0);
    return c->pid = pid;
}

// Splits the frame's strings into directory, arguments and variables and starts the command.
static void start(word number, word count) {
    static char *strings[STRING_LIMIT];
    static char *const end = frame + FRAME_LIMIT;
    word *counts = (word *)frame, used = 0;
    char *at = frame + 8;
    int pid = -E2BIG;
    struct channel *c = 0;
    for (int i = 0; i < CHANNEL_LIMIT && !c; i++) if (!channels[i].used) c = &channels[i];
    if (!c) pid = -EMFILE;
    else if (counts[0] >= 1 && counts[0] < 512 && counts[1] < 500) {
        strings[used++] = at;
        for (word i = 0; i < counts[0] + counts[1]; i++) {
            while (at < frame + count && at < end - 1 && *at) at++;
            at++;
            if (i == counts[0]) strings[used++] = 0;
            strings[used++] = at;
        }
        if (counts[1] == 0) strings[used++] = 0;
        strings[used] = 0;
        c->number = number;
        c->input_bytes = c->input_offset = c->ended = c->input_ending = 0;
        pid = spawn(c, strings[0], strings + 1, strings + 2 + counts[0]);
        if (pid > 0) c->used = 1;
        else for (int i = 0; i < 3; i++) close_end(c, i);
    }
    send(number, STARTED, &pid, sizeof pid);
}

static void obey(void) {
    word head[3];
    receive_all(head, sizeof head);
    if (head[2] > FRAME_LIMIT) die();
    receive_all(frame, head[2]);
    if (head[1] == START) { start(head[0], head[2]); return; }
    if (head[1] == KILL) {
        int *what = (int *)frame, result = CALL(kill, what[0], what[1], 0, 0);
        send(head[0], KILLED, &result, sizeof result);
        return;
    }
    for (int i = 0; i < CHANNEL_LIMIT; i++) {
        struct channel *c = &channels[i];
        if (!c->used || c->number != head[0]) continue;
        if (head[1] == INPUT_END) {
            c->input_ending = 1;
            if (c->input_bytes == 0) close_end(c, 0);
        } else if (c->pipes[0] < 0) {
            send(c->number, TAKEN, 0, 0);
        } else {
            c->input_bytes = head[2] < INPUT_LIMIT ? head[2] : INPUT_LIMIT;
            memcpy(c->input, frame, c->input_bytes);
        }
    }
}

static void serve(int children) {
    static struct pollfd polls[2 + 3 * CHANNEL_LIMIT];
    static char discarded[128];
    polls[0] = (struct pollfd){port, POLLIN, 0};
    polls[1] = (struct pollfd){children, POLLIN, 0};
    for (int i = 0; i < CHANNEL_LIMIT; i++)
        for (int end = 0; end < 3; end++) {
            struct channel *c = &channels[i];
            int wanted = c->used && (end > 0 || c->input_bytes > 0);
            polls[2 + 3 * i + end] = (struct pollfd){wanted ? c->pipes[end] : -1, end ? POLLIN : POLLOUT, 0};
        }
    if (CALL(poll, polls, 2 + 3 * CHANNEL_LIMIT, -1, 0) <= 0) return;
    for (int i = 0; i < CHANNEL_LIMIT; i++) {
        struct channel *c = &channels[i];
        struct pollfd *p = &polls[2 + 3 * i];
        if (!c->used) continue;
        if (p[0].revents && c->pipes[0] >= 0) feed(c);
        if (p[1].revents) forward(c, 1, 0);
        if (p[2].revents) forward(c, 2, 0);
        free_when_over(c);
    }
    if (polls[1].revents) {
        CALL(read, children, discarded, sizeof discarded, 0);
        reap();
    }
    if (polls[0].revents) obey();
}

__attribute__((noreturn, force_align_arg_pointer)) void _start(void) {
    unsigned long signals[2] = {1UL << (SIGCHLD - 1) | 1UL << (SIGPIPE - 1), 0};
    unsigned long child_signal[2] = {1UL << (SIGCHLD - 1), 0};
    port = CALL(open, "/dev/agent-port", O_RDWR | O_CLOEXEC, 0, 0);
    if (port < 0) die();
    CALL(rt_sigprocmask, SIG_BLOCK, signals, 0, 8);
    int children = CALL(signalfd4, -1, child_signal, 8, O_CLOEXEC | O_NONBLOCK);
    send(0, READY, 0, 0);
    for (;;) serve(children);
}
