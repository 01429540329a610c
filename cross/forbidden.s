# What isa-check must find. cross/test-isa-check assembles each `class: instruction` line into a program of its own.
CMOV: cmovne %eax, %ebx
FCMOV/FCOMI: fcmovne %st(1), %st
FCMOV/FCOMI: fcomi %st(1), %st
FCMOV/FCOMI: fucomip %st(1), %st
MMX: movd %eax, %mm0
MMX: emms
SSE: movaps %xmm1, %xmm0
SSE: cvttsd2si %xmm0, %eax
SSE: mfence
SSE: prefetchnta (%eax)
SSE: fisttpll (%eax)
NOPL: nopl 0x0(%eax)
NOPL: nopw %cs:0x0(%eax,%eax,1)
ENDBR/CET: endbr32
ENDBR/CET: notrack jmp *%eax
LOCK: lock incl (%eax)
LOCK: lock cmpxchg8b (%eax)
LOCK: .byte 0x66, 0xf0, 0xff, 0x00
system call: sysenter
not a Pentium's: popcnt %eax, %eax
not a Pentium's: tzcnt %eax, %eax
not a Pentium's: rdtscp
not a Pentium's: movbe (%eax), %ebx
not a Pentium's: rdrand %eax
MMX: pfadd %mm0, %mm0
