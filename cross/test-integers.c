// Shows that Sources/CEmbeddedRuntime/integers.c computes right, on numbers around every power of two. It needs no
// library: the exit code is 0, or the number of the check that failed. cross/check-binaries builds and runs it.
#include <stdint.h>

uint64_t __udivmoddi4(uint64_t, uint64_t, uint64_t *);
uint64_t __udivdi3(uint64_t, uint64_t);
uint64_t __umoddi3(uint64_t, uint64_t);
int64_t __divdi3(int64_t, int64_t);
int64_t __moddi3(int64_t, int64_t);
int64_t __divmoddi4(int64_t, int64_t, int64_t *);
int64_t __muldi3(int64_t, int64_t);
int64_t __ashldi3(int64_t, int);
int64_t __lshrdi3(int64_t, int);
int64_t __ashrdi3(int64_t, int);
int __popcountdi2(uint64_t);
int __clzdi2(uint64_t);
int __ctzdi2(uint64_t);
double __floatundidf(uint64_t);
double __floatdidf(int64_t);
uint64_t __fixunsdfdi(double);
int64_t __fixdfdi(double);

static void quit(int code) {
  __asm__ volatile("int $0x80" : : "a"(1), "b"(code));
  __builtin_unreachable();
}

static void check(int number, int holds) {
  if (!holds) quit(number);
}

// Numbers with all their bits at the top, at the bottom, or all over.
static uint64_t sample(int index) {
  static const int64_t offsets[] = {-2, -1, 0, 1, 2, 0x5DEECE66DLL, -0x123456789ABCLL};
  return ((uint64_t)1 << (index % 64)) + (uint64_t)offsets[index / 64];
}
enum { SAMPLES = 64 * 7 };

static void check_division(uint64_t value, uint64_t divisor) {
  if (divisor == 0) return;
  uint64_t rest, quotient = __udivmoddi4(value, divisor, &rest);
  // What division means; no carry can be lost, as quotient * divisor is at most value.
  check(1, rest < divisor && quotient * divisor + rest == value);
  check(2, __udivdi3(value, divisor) == quotient && __umoddi3(value, divisor) == rest);

  int64_t signed_value = (int64_t)value, signed_divisor = (int64_t)divisor;
  if (signed_value == INT64_MIN && signed_divisor == -1) return;
  int64_t signed_rest, signed_quotient = __divmoddi4(signed_value, signed_divisor, &signed_rest);
  check(3, (uint64_t)signed_quotient * divisor + (uint64_t)signed_rest == value);
  check(4, signed_rest == 0 || (signed_rest < 0) == (signed_value < 0));
  uint64_t rest_size = signed_rest < 0 ? -(uint64_t)signed_rest : (uint64_t)signed_rest;
  check(5, rest_size < (signed_divisor < 0 ? -divisor : divisor));
  check(6, __divdi3(signed_value, signed_divisor) == signed_quotient);
  check(7, __moddi3(signed_value, signed_divisor) == signed_rest);
}

static void check_multiplication(uint64_t left, uint64_t right) {
  uint64_t product = 0;
  for (int bit = 63; bit >= 0; bit--) product = product + product + ((right >> bit & 1) ? left : 0);
  check(8, (uint64_t)__muldi3((int64_t)left, (int64_t)right) == product);
}

// Each shift by one more, in steps of one.
static void check_shifts(uint64_t value) {
  uint64_t left = value, right = value, signed_right = value;
  for (int count = 0; count < 64; count++) {
    check(9, (uint64_t)__ashldi3((int64_t)value, count) == left);
    check(10, (uint64_t)__lshrdi3((int64_t)value, count) == right);
    check(11, (uint64_t)__ashrdi3((int64_t)value, count) == signed_right);
    left += left;
    right /= 2;
    signed_right = signed_right / 2 | (value & (uint64_t)1 << 63);
  }
}

static void check_counts(uint64_t value) {
  int ones = 0, first = 64, last = -1;
  for (int bit = 0; bit < 64; bit++) {
    if ((value >> bit & 1) == 0) continue;
    ones++;
    if (first == 64) first = bit;
    last = bit;
  }
  check(12, __popcountdi2(value) == ones);
  if (value != 0) check(13, __ctzdi2(value) == first && __clzdi2(value) == 63 - last);
}

static void check_floating(uint64_t value) {
  uint64_t exact = value & (((uint64_t)1 << 53) - 1);  // a double holds 53 bits
  check(14, __fixunsdfdi(__floatundidf(exact)) == exact);
  check(15, __fixdfdi(__floatdidf(-(int64_t)exact)) == -(int64_t)exact);
  check(16, __floatundidf((uint64_t)1 << 63) == 9223372036854775808.0 && __floatdidf(-3) == -3.0);
}

void _start(void) {
  for (int index = 0; index < SAMPLES; index++) {
    check_shifts(sample(index));
    check_counts(sample(index));
    check_floating(sample(index));
    for (int other = 0; other < SAMPLES; other++) {
      check_division(sample(index), sample(other));
      check_multiplication(sample(index), sample(other));
    }
  }
  quit(0);
}
