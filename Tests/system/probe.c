// Makes system calls and prints the error number of each (0: it succeeded), one a line: what a seccomp filter and
// missing capabilities leave of them. Arguments: `number` or `number,first argument`. A freestanding program, so that
// one gcc makes it for i386 and x86_64 without a C library.
typedef long word;

#ifdef __x86_64__
enum { WRITE = 1, EXIT = 231 };
static word call(word number, word a, word b, word c) {
    word result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}
__asm__(".globl _start\n_start: mov %rsp,%rdi\n and $-16,%rsp\n call run\n");
#else
enum { WRITE = 4, EXIT = 252 };
static word call(word number, word a, word b, word c) {
    word result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}
__asm__(".globl _start\n_start: mov %esp,%eax\n and $-16,%esp\n sub $12,%esp\n push %eax\n call run\n");
#endif

static const char *read_number(const char *text, unsigned long *number) {
    for (*number = 0; *text >= '0' && *text <= '9'; text++) *number = *number * 10 + (unsigned long)(*text - '0');
    return text;
}

__attribute__((used)) void run(word *stack) {
    char **arguments = (char **)(stack + 1);
    for (word i = 1; i < stack[0]; i++) {
        unsigned long number, first = 0;
        const char *rest = read_number(arguments[i], &number);
        if (*rest) read_number(rest + 1, &first);
        word result = call((word)number, (word)first, 0, 0);
        word error = result < 0 ? -result : 0;
        char line[] = {(char)('0' + error / 100 % 10), (char)('0' + error / 10 % 10), (char)('0' + error % 10), '\n'};
        call(WRITE, 1, (word)line, sizeof line);
    }
    call(EXIT, 0, 0, 0);
}
