import ContainerRunner
import Foundation
import LinuxSystem
import Testing

extension RunningContainers {
  /// System calls made for real from inside, by a program of both ABIs that needs no C library.
  @Suite struct SeccompLiveTests {
    /// Makes the call of each argument `number[,first argument]` and prints what it returned.
    private static let caller = """
      typedef long word;
      #ifdef __x86_64__
      static word call(word n, word a, word b, word c) {
        word r;
        __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
        return r;
      }
      enum { WRITE = 1, EXIT = 231 };
      __asm__(".globl _start\\n_start: mov %rsp,%rdi\\n and $-16,%rsp\\n call run\\n");
      #else
      static word call(word n, word a, word b, word c) {
        word r;
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory");
        return r;
      }
      enum { WRITE = 4, EXIT = 252 };
      __asm__(".globl _start\\n_start: mov %esp,%eax\\n and $-16,%esp\\n sub $12,%esp\\n push %eax\\n call run\\n");
      #endif
      static const char *read_number(const char *s, unsigned long *n) {
        for (*n = 0; *s >= '0' && *s <= '9'; s++) *n = *n * 10 + (unsigned long)(*s - '0');
        return s;
      }
      __attribute__((used)) void run(word *stack) {
        char **arguments = (char **)(stack + 1);
        for (word i = 1; i < stack[0]; i++) {
          unsigned long number, first = 0;
          const char *end = read_number(arguments[i], &number);
          if (*end) read_number(end + 1, &first);
          word result = call((word)number, (word)first, 0, 0);
          if (result > 0) result = 0;
          result = -result;
          char text[4] = {(char)('0' + result / 100 % 10), (char)('0' + result / 10 % 10), '0', 10};
          text[2] += (char)(result % 10);
          call(WRITE, 1, (word)text, 4);
        }
        call(EXIT, 0, 0, 0);
      }
      """

    private func answers(_ machine: String, _ calls: [String]) throws -> [Substring] {
      let sandbox = try Sandbox()
      let source = sandbox.path + "/caller.c"
      try Data(Self.caller.utf8).write(to: URL(fileURLWithPath: source))
      let compiler = Process()
      compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      compiler.arguments = [
        "cc", machine, "-O1", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fcf-protection=none",
        "-fno-pic", "-no-pie", "-o", sandbox.rootPath + "/bin/caller", source,
      ]
      try compiler.run()
      compiler.waitUntilExit()
      try #require(compiler.terminationStatus == 0)
      let outcome = try Live.run(sandbox.spec(["/bin/caller"] + calls))
      #expect(outcome.failure == nil)
      return outcome.lines
    }

    // getpid, mount, reboot, unshare, clone3, unknown, clone with a user namespace, AF_VSOCK, AF_ALG, bad personality.

    @Test func amd64() throws {
      let calls = ["39", "165", "169", "272", "435", "599", "56,268435473", "41,40", "41,38", "135,262144"]
      #expect(
        try answers("-m64", calls) == ["000", "001", "001", "001", "038", "038", "001", "001", "001", "001"])
    }

    @Test func i386() throws {
      let calls = ["20", "21", "88", "310", "435", "599", "120,268435473", "359,40", "359,38", "136,262144"]
      #expect(
        try answers("-m32", calls) == ["000", "001", "001", "001", "038", "038", "001", "001", "001", "001"])
    }

    @Test func x32IsUnknown() throws {
      #expect(try answers("-m64", ["1073741863"]) == ["038"])
    }
  }
}
