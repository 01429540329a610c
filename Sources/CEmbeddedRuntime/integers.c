// Arithmetic on 64-bit integers for 32-bit x86, under the names that gcc and LLVM call it by. A distribution's libgcc
// has the same functions, but for i686: with CMOV, which a Pentium-class board does not know.
#if defined(MICROAGENT_EMBEDDED) && defined(__i386__)
#include <stdint.h>

static uint32_t high(uint64_t value) { return (uint32_t)(value >> 32); }
static uint32_t low(uint64_t value) { return (uint32_t)value; }
static uint64_t join(uint32_t high, uint32_t low) { return (uint64_t)high << 32 | low; }
static uint64_t magnitude(int64_t value) { return value < 0 ? -(uint64_t)value : (uint64_t)value; }

// high:low / divisor by the processor's own instruction, which traps unless the quotient fits: high < divisor.
static uint32_t divide_step(uint32_t high, uint32_t low, uint32_t divisor, uint32_t *remainder) {
  uint32_t quotient;
  __asm__("divl %4" : "=a"(quotient), "=d"(*remainder) : "0"(low), "1"(high), "rm"(divisor) : "cc");
  return quotient;
}

// Long division with one 32-bit digit in the divisor.
static uint64_t divide_by_digit(uint64_t value, uint32_t divisor, uint64_t *remainder) {
  uint32_t rest;
  uint32_t upper = divide_step(0, high(value), divisor, &rest);
  uint32_t lower = divide_step(rest, low(value), divisor, &rest);
  *remainder = rest;
  return join(upper, lower);
}

// With two digits in the divisor the quotient has one. The leading 32 bits of both give an estimate that is at most one
// too large (Knuth, The Art of Computer Programming 4.3.1, with the dividend halved so that the instruction cannot
// overflow).
static uint64_t divide_by_two_digits(uint64_t value, uint64_t divisor, uint64_t *remainder) {
  int shift = __builtin_clz(high(divisor));
  uint32_t leading = high(divisor << shift);
  uint64_t half = value >> 1;
  uint32_t unused;
  uint32_t quotient = divide_step(high(half), low(half), leading, &unused) >> (31 - shift);
  if (quotient > 0) quotient--;
  uint64_t rest = value - quotient * divisor;
  if (rest >= divisor) {
    rest -= divisor;
    quotient++;
  }
  *remainder = rest;
  return quotient;
}

uint64_t __udivmoddi4(uint64_t value, uint64_t divisor, uint64_t *remainder) {
  uint64_t unused;
  if (remainder == 0) remainder = &unused;
  if (high(divisor) == 0) return divide_by_digit(value, low(divisor), remainder);
  return divide_by_two_digits(value, divisor, remainder);
}

uint64_t __udivdi3(uint64_t value, uint64_t divisor) { return __udivmoddi4(value, divisor, 0); }

uint64_t __umoddi3(uint64_t value, uint64_t divisor) {
  uint64_t remainder;
  __udivmoddi4(value, divisor, &remainder);
  return remainder;
}

int64_t __divdi3(int64_t value, int64_t divisor) {
  uint64_t quotient = __udivmoddi4(magnitude(value), magnitude(divisor), 0);
  return (int64_t)((value < 0) != (divisor < 0) ? -quotient : quotient);
}

int64_t __moddi3(int64_t value, int64_t divisor) {
  uint64_t remainder = __umoddi3(magnitude(value), magnitude(divisor));
  return (int64_t)(value < 0 ? -remainder : remainder);
}

int64_t __divmoddi4(int64_t value, int64_t divisor, int64_t *remainder) {
  *remainder = __moddi3(value, divisor);
  return __divdi3(value, divisor);
}

int64_t __muldi3(int64_t left, int64_t right) {
  uint64_t a = (uint64_t)left, b = (uint64_t)right;
  uint64_t product = (uint64_t)low(a) * low(b);
  return (int64_t)join(high(product) + high(a) * low(b) + low(a) * high(b), low(product));
}

// Shifts by 0 to 63 bits.
int64_t __ashldi3(int64_t value, int count) {
  uint32_t upper = high((uint64_t)value), lower = low((uint64_t)value);
  if (count == 0) return value;
  if (count >= 32) return (int64_t)join(lower << (count - 32), 0);
  return (int64_t)join(upper << count | lower >> (32 - count), lower << count);
}

int64_t __lshrdi3(int64_t value, int count) {
  uint32_t upper = high((uint64_t)value), lower = low((uint64_t)value);
  if (count == 0) return value;
  if (count >= 32) return (int64_t)join(0, upper >> (count - 32));
  return (int64_t)join(upper >> count, lower >> count | upper << (32 - count));
}

int64_t __ashrdi3(int64_t value, int count) {
  int32_t upper = (int32_t)high((uint64_t)value);
  uint32_t lower = low((uint64_t)value);
  if (count == 0) return value;
  if (count >= 32) return (int64_t)join((uint32_t)(upper >> 31), (uint32_t)(upper >> (count - 32)));
  return (int64_t)join((uint32_t)(upper >> count), lower >> count | (uint32_t)upper << (32 - count));
}

// Counting bits.
int __popcountsi2(uint32_t value) {
  int count = 0;
  for (; value != 0; value &= value - 1) count++;
  return count;
}
int __popcountdi2(uint64_t value) { return __popcountsi2(high(value)) + __popcountsi2(low(value)); }
int __clzdi2(uint64_t value) { return high(value) != 0 ? __builtin_clz(high(value)) : 32 + __builtin_clz(low(value)); }
int __ctzdi2(uint64_t value) { return low(value) != 0 ? __builtin_ctz(low(value)) : 32 + __builtin_ctz(high(value)); }

// To and from floating point; SQLite converts numbers in text.
#define TWO_TO_THE_32 4294967296.0

double __floatundidf(uint64_t value) { return high(value) * TWO_TO_THE_32 + low(value); }
double __floatdidf(int64_t value) { return (int32_t)high((uint64_t)value) * TWO_TO_THE_32 + low((uint64_t)value); }

uint64_t __fixunsdfdi(double value) {
  uint32_t upper = (uint32_t)(value / TWO_TO_THE_32);
  return join(upper, (uint32_t)(value - upper * TWO_TO_THE_32));
}
int64_t __fixdfdi(double value) {
  return value < 0 ? -(int64_t)__fixunsdfdi(-value) : (int64_t)__fixunsdfdi(value);
}
#endif
