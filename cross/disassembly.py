"""The machine code of an x86 ELF file, one instruction at a time, as objdump reads it."""

import re
import subprocess
from typing import Iterator, NamedTuple

FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*\t(.*)$")
# What objdump writes in front of a mnemonic.
PREFIXES = {"lock", "rep", "repz", "repnz", "bnd", "notrack", "data16", "addr16", "addr32", "xacquire", "xrelease",
            "cs", "ds", "es", "fs", "gs", "ss"}


class Instruction(NamedTuple):
    function: str
    address: int
    code: bytes
    prefixes: frozenset
    mnemonic: str
    operands: str

    def __str__(self):
        text = " ".join([*sorted(self.prefixes), self.mnemonic, self.operands]).strip()
        return f"{text} at {self.address:#x} in {self.function}"


def instructions(path: str) -> Iterator[Instruction]:
    """Every instruction in the file's executable sections."""
    # An x86 instruction has at most 15 bytes: each gets one line.
    command = ["objdump", "--disassemble", "--wide", "--insn-width=15", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as objdump:
        function = "(no symbol)"
        for line in objdump.stdout:
            if found := INSTRUCTION.match(line):
                words = found[3].split("#")[0].split("<")[0].split()
                prefixes = set()
                while words and words[0] in PREFIXES:
                    prefixes.add(words.pop(0))
                yield Instruction(function, int(found[1], 16), bytes.fromhex(found[2]), frozenset(prefixes),
                                  words[0] if words else "", " ".join(words[1:]))
            elif found := FUNCTION.match(line):
                function = found[1]
    if objdump.returncode != 0:
        raise SystemExit(f"objdump could not read {path}")
