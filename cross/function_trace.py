"""Which functions of a program its processes call, found by breakpoints. For programs of 32 bits, on a host of 64.

A breakpoint stands at the beginning of each function and goes when it is hit, so that the program runs at its own speed but
for that.
"""

import bisect
import ctypes
import os
import signal
import subprocess
import time

PTRACE_TRACEME, PTRACE_CONT, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_DETACH = 0, 7, 12, 13, 17
PTRACE_SETOPTIONS, PTRACE_GETEVENTMSG = 0x4200, 0x4201
PTRACE_O_TRACEFORK, PTRACE_O_EXITKILL, PTRACE_EVENT_FORK = 2, 0x100000, 1
# user_regs_struct of x86_64, which is also what a tracer of 64 bits sees of a program of 32
REGISTERS, RAX, RIP, RSP = 27, 10, 16, 19
WALL = 0x40000000
BREAKPOINT = 0xCC
# With its code the program would give back the breakpoints: this is made to return at once.
RELEASE = "system_release_program"

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, process, data=None):
    if libc.ptrace(request, process, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of process {process}")


def functions(program):
    """Address to names. Those that the linker has folded into one may be several in another build."""
    lines = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout.splitlines()
    found = {}
    for address, kind, name in (line.split(" ", 2) for line in lines if line[0] != " "):
        if kind in "tTwW":
            found.setdefault(int(address, 16), []).append(name)
    return found


class Process:
    """One that is traced: its memory, and which functions it has called since its breakpoints were set."""

    def __init__(self, number):
        self.number = number
        self.calls = []
        self.memory = open(f"/proc/{number}/mem", "r+b", buffering=0)

    @property
    def name(self):
        with open(f"/proc/{self.number}/comm", encoding="utf-8") as file:
            return file.read().strip()

    def read(self, address, count):
        self.memory.seek(address)
        return self.memory.read(count)

    def write(self, address, data):
        self.memory.seek(address)
        self.memory.write(data)


class Trace:
    """A program from its start, with all the processes that it forks. Nothing that it runs may call `exec`."""

    def __init__(self, argv, symbols, prepare=lambda: None, **options):
        """`prepare` is called in the new process. `symbols`: the program with its symbols."""

        def begin():
            prepare()
            libc.ptrace(PTRACE_TRACEME, 0, None, None)

        self._names = functions(symbols)
        self._release = next(address for address, names in self._names.items() if RELEASE in names)
        self._processes = {}
        # Kept, for without it the object would wait for the process itself.
        self._child = child = subprocess.Popen(argv, preexec_fn=begin, **options)
        os.waitpid(child.pid, WALL)
        ptrace(PTRACE_SETOPTIONS, child.pid, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL)
        self.first = self._add(child.pid)
        self._start, self._end = self._code_of(child.pid)
        self._code = self.first.read(self._start, self._end - self._start)
        self._set = sorted(address for address in self._names if self._start <= address < self._end)
        self._arm(self.first)
        ptrace(PTRACE_CONT, child.pid)

    @staticmethod
    def _code_of(process):
        program = os.readlink(f"/proc/{process}/exe")
        with open(f"/proc/{process}/maps", encoding="utf-8") as file:
            words = next(words for words in map(str.split, file) if words[-1] == program and "x" in words[1])
        return tuple(int(end, 16) for end in words[0].split("-"))

    def _add(self, number):
        return self._processes.setdefault(number, Process(number))

    def _arm(self, process):
        changed = bytearray(self._code)
        for address in self._set:
            changed[address - self._start] = BREAKPOINT
        process.write(self._start, changed)

    def run(self, seconds):
        """Lets all run for so long, or until none is left."""
        deadline = time.monotonic() + seconds
        while self._processes and time.monotonic() < deadline:
            number, status = os.waitpid(-1, os.WNOHANG | WALL)
            if number == 0:
                time.sleep(0.0002)
            elif os.WIFSTOPPED(status):
                ptrace(PTRACE_CONT, number, self._stopped(number, status))
            else:
                self._processes.pop(number, None)

    def _stopped(self, number, status):
        """Returns the signal to go on with."""
        if number not in self._processes:
            # A new child has the breakpoints that its parent has left.
            self._arm(self._add(number))
            return 0
        if os.WSTOPSIG(status) != signal.SIGTRAP:
            return os.WSTOPSIG(status)
        if status >> 16 == 0:
            self._hit(self._processes[number])
        return 0

    def _hit(self, process):
        registers = (ctypes.c_ulonglong * REGISTERS)()
        ptrace(PTRACE_GETREGS, process.number, registers)
        address = registers[RIP] - 1
        place = bisect.bisect_left(self._set, address)
        if place == len(self._set) or self._set[place] != address:
            return
        process.calls += [name for name in self._names[address] if name not in process.calls]
        if address == self._release:
            registers[RAX], registers[RIP] = 0, int.from_bytes(process.read(registers[RSP], 4), "little")
            registers[RSP] += 4
        else:
            process.write(address, self._code[address - self._start:address - self._start + 1])
            registers[RIP] = address
        ptrace(PTRACE_SETREGS, process.number, registers)

    def take(self):
        """What each process has called so far, by its name, in the order of the first calls. All begin anew."""
        taken = {}
        for process in self._processes.values():
            self._stop(process)
            taken[process.name] = process.calls
            process.calls = []
            self._arm(process)
            ptrace(PTRACE_CONT, process.number)
        return taken

    def _stop(self, process):
        os.kill(process.number, signal.SIGSTOP)
        while True:
            _, status = os.waitpid(process.number, WALL)
            if os.WSTOPSIG(status) == signal.SIGSTOP:
                return
            ptrace(PTRACE_CONT, process.number, self._stopped(process.number, status))

    def end(self, seconds):
        """Asks the first to end, and ends what is left after so long."""
        if self.first.number in self._processes:
            os.kill(self.first.number, signal.SIGTERM)
        self.run(seconds)
        for number in self._processes:
            os.kill(number, signal.SIGKILL)
