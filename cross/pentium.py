"""What a Pentium knows, and what compilers slip in that it does not know."""

import re

# What a program may use of a Pentium, in objdump's (AT&T's) words. Operand sizes are a last letter: b, w, l.
CONDITIONS = "a ae b be e g ge l le ne no np ns o p s".split()
SIZED = set("""
    adc add and bsf bsr bswap bt btc btr bts call cmp cmpxchg dec div idiv imul in inc jmp lea lods mov movs mul neg not
    or out pop push rcl rcr ret rol ror sar sbb scas shl shld shr shrd stos sub test xadd xchg xor cmps
""".split())
WHOLE = set("""
    aaa aad aam aas cbtw cltd cwtd cwtl clc cld cli cmc cmpxchg8b cpuid daa das enter hlt int int3 into iret lahf leave
    lret loop loope loopne movsbl movsbw movswl movzbl movzbw movzwl nop pause popa popf pusha pushf rdtsc sahf stc std
    sti ud2 xlat jcxz jecxz wait fwait
""".split()) | {f"j{condition}" for condition in CONDITIONS} | {f"set{condition}" for condition in CONDITIONS}
# x87: a last letter says single, double (l), extended (t) or the integer's size; a `p` before it pops.
X87 = re.compile(r"""
    f(add|sub|subr|mul|div|divr|com|ucom|ld|st)p?p?[slt]?
  | fi(add|sub|subr|mul|div|divr|com|ld|st)p?[sl]? | fi(ld|st|stp)ll
  | f(abs|chs|xch|xam|tst|free|nop|rndint|scale|sqrt|xtract|prem1?|incstp|decstp)
  | f(sin|cos|sincos|ptan|patan|2xm1|yl2x|yl2xp1) | fld(1|z|pi|l2e|l2t|lg2|ln2)
  | fn?(init|clex|save|stenv|stcw|stsw) | fldcw | fldenv | frstor
""", re.VERBOSE)

# The classes that compilers are known to slip in. First those that registers and prefixes give away.
CLASSES = {
    "CMOV": re.compile(r"cmov\w+"),
    "FCMOV/FCOMI": re.compile(r"fcmov\w+|fu?comip?"),
    "NOPL": re.compile(r"nop[wl]"),
    "ENDBR/CET": re.compile(r"endbr\w+|rdssp\w+|incssp\w+"),
    "SSE": re.compile(r"[sml]fence|prefetch\w*|clflush\w*|(ld|st)mxcsr|fxsave\w*|fxrstor\w*|movnti\w*|fisttp\w*"),
    "MMX": re.compile(r"f?emms"),
    "system call": re.compile(r"sysenter|sysexit|syscall|sysret\w*"),
}
SSE_REGISTER = re.compile(r"%[xyz]mm\d")
MMX_REGISTER = re.compile(r"%mm\d")
OTHER = "not a Pentium's"


def is_of_pentium(mnemonic):
    return (mnemonic in WHOLE or mnemonic in SIZED or (mnemonic[-1:] in "bwl" and mnemonic[:-1] in SIZED)
            or X87.fullmatch(mnemonic) is not None)


def forbidden_class(instruction):
    """The class that an instruction is forbidden for, or None."""
    if "lock" in instruction.prefixes:
        return "LOCK"
    if {"notrack", "bnd"} & instruction.prefixes:
        return "ENDBR/CET"
    if SSE_REGISTER.search(instruction.operands):
        return "SSE"
    if MMX_REGISTER.search(instruction.operands):
        return "MMX"
    for name, mnemonics in CLASSES.items():
        if mnemonics.fullmatch(instruction.mnemonic):
            return name
    # objdump shows a prefix that changes nothing as an instruction without a mnemonic.
    if is_of_pentium(instruction.mnemonic) or (instruction.prefixes and not instruction.mnemonic):
        return None
    return OTHER
