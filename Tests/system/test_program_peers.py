"""What we read of machine code beside what objdump reads of it: each instruction's length, and whether it is a Pentium's."""

import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "cross"))
from disassembly import instructions  # noqa: E402
from pentium import forbidden_class  # noqa: E402

pytestmark = pytest.mark.machines("local")

# Loops and choices, which compilers make much of.
SOURCE = """
typedef unsigned long long wide;
int least(const int *a, int n) { int m = a[0]; for (int i = 1; i < n; i++) m = a[i] < m ? a[i] : m; return m; }
double sum(const double *a, int n) { double s = 0; for (int i = 0; i < n; i++) s += a[i] > 0 ? a[i] : -a[i]; return s; }
void mix(float *a, const float *b, int n) { for (int i = 0; i < n; i++) a[i] = a[i] * b[i] + 0.5f; }
wide turn(wide x, int n) { return (x << n | x >> (64 - n)) * 0x9E3779B97F4A7C15ull; }
int pick(int x) { switch (x) { case 0: return 7; case 1: return 9; case 2: return 1; case 3: return 4; case 4: return 8; default: return x; } }
void add(int *p) { __atomic_fetch_add(p, 3, __ATOMIC_SEQ_CST); __atomic_compare_exchange_n(p, p + 1, 5, 0, 5, 5); }
short narrow(short *p, int n) { short s = 0; for (int i = 0; i < n; i++) s ^= p[i] * 3; return s; }
int bits(unsigned x) { return __builtin_popcount(x) + __builtin_ctz(x | 1); }
void copy(char *to, const char *from, int n) { for (int i = 0; i < n; i++) to[i] = from[i]; }
"""
# What objdump's classes are in our words.
WORDS = {"LOCK": "LOCK", "CMOV": "CMOV", "FCMOV/FCOMI": "CMOV", "NOPL": "long NOPs", "ENDBR/CET": "long NOPs", "MMX": "MMX",
         "SSE": "SSE"}


@pytest.fixture
def read_alike(unpack_driver, directory):
    """Compares what both read of a file's code; returns how many instructions, and which features, there were."""
    def read_alike(path):
        theirs = [item for item in instructions(path)]
        code, start, count, features = f"{directory}/code", theirs[0].address, 0, set()
        subprocess.run(["objcopy", "-O", "binary", "-j", ".text", path, code], check=True)
        lines = subprocess.run([unpack_driver, "instructions", code], capture_output=True, text=True, check=True).stdout
        ours = {int(at): (int(length), words) for at, length, words in (line.split("\t") for line in lines.splitlines())}
        text = [item for item in theirs if in_text(item, path)]
        start = text[0].address
        for item in text:
            length, words = ours.get(item.address - start, (0, ""))
            # objdump takes FWAIT and what waits for one.
            expected = 1 if item.code[0] == 0x9B else len(item.code)
            assert length == expected, f"{path}: {item}: {item.code.hex()}"
            found = forbidden_class(item)
            if found is None:
                assert words == "", f"{path}: {item}: {words}"
            elif found in WORDS:
                assert WORDS[found] in words.split(", "), f"{path}: {item}: {words}"
            features.update(words.split(", ") if words else [])
            count += 1
        return count, features
    return read_alike


def in_text(item, path, ranges={}):
    """Whether an instruction is in the section .text."""
    if path not in ranges:
        for line in subprocess.run(["readelf", "-SW", path], capture_output=True, text=True, check=True).stdout.splitlines():
            words = line.replace("[ ", "[").split()
            if len(words) > 5 and words[1] == ".text":
                ranges[path] = range(int(words[3], 16), int(words[3], 16) + int(words[5], 16))
    return item.address in ranges[path]


@pytest.mark.parametrize("options,features", [
    (["-march=i586"], {"LOCK"}),
    (["-march=i686"], {"LOCK", "CMOV"}),
    (["-march=pentium4", "-mfpmath=sse", "-fcf-protection"], {"LOCK", "CMOV", "SSE", "long NOPs"}),
    (["-march=haswell", "-mfpmath=sse"], {"LOCK", "SSE"}),
    (["-march=skylake-avx512", "-mfpmath=sse", "-mprefer-vector-width=512"], {"LOCK", "SSE"}),
])
def test_what_compilers_make(read_alike, directory, options, features):
    made = f"{directory}/made.o"
    command = ["gcc", "-m32", "-O3", "-ffreestanding", "-fno-pic", *options, "-x", "c", "-c", "-", "-o", made]
    subprocess.run(command, input=SOURCE, text=True, check=True)
    count, found = read_alike(made)
    assert count > 200 and features <= found


@pytest.mark.parametrize("name", ["microagentd", "microctl"])
def test_our_own_programs_ask_for_nothing(read_alike, programs, unpack_driver, name):
    count, found = read_alike(programs[name])
    assert count > 50_000 and found == set()
    assert subprocess.run([unpack_driver, "needs", programs[name]], capture_output=True, text=True).stdout == "\n\n\n"
