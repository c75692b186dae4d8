// How this thread's processor treats subnormal numbers, and putting it back.
//
// Adam's moments of inputs that are rarely used decay into the subnormal range, where each operation
// costs a hundred others. Training steps therefore take subnormals for zeros, as compilers of such
// networks do; whoever called finds the mode that he had.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace gradus {

class FloatMode {
 public:
  using Bits = std::uint64_t;

  static Bits now() {
#if defined(__x86_64__)
    return _mm_getcsr();
#elif defined(__aarch64__)
    Bits bits;
    asm volatile("mrs %0, fpcr" : "=r"(bits));
    return bits;
#else
    return 0;
#endif
  }
  static Bits without_subnormals() {
#if defined(__x86_64__)
    return now() | 0x8040;  // results and operands
#elif defined(__aarch64__)
    return now() | Bits{1} << 24;
#else
    return now();
#endif
  }

  // The mode holds until the end of the block.
  explicit FloatMode(Bits bits) : before_(now()) { set(bits); }
  ~FloatMode() { set(before_); }
  FloatMode(const FloatMode&) = delete;
  Bits before() const { return before_; }

 private:
  static void set(Bits bits) {
#if defined(__x86_64__)
    _mm_setcsr(static_cast<unsigned>(bits));
#elif defined(__aarch64__)
    asm volatile("msr fpcr, %0" ::"r"(bits));
#endif
    static_cast<void>(bits);
  }
  Bits before_;
};

}  // namespace gradus
