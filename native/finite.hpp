// Whether all numbers of an array are finite.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "simd.hpp"

namespace gradus {
namespace GRADUS_TARGET {

// A number is not finite where all bits of its exponent are set: then, with the sign shifted out, it
// is at least as large as infinity. The largest of a block tells; integers compare without traps.
template <class T, class Bits>
bool finite(const T* x, std::size_t n) {
  constexpr Bits infinity = ~Bits{0} << (sizeof(T) == 4 ? 24 : 53);
  constexpr std::size_t block = 4096;
  for (std::size_t i = 0; i < n; i += block) {
    Bits largest = 0;
    for (std::size_t j = i, end = std::min(n, i + block); j < end; ++j) {
      Bits bits;
      std::memcpy(&bits, x + j, sizeof bits);
      largest = std::max<Bits>(largest, bits << 1);
    }
    if (largest >= infinity) return false;
  }
  return true;
}

}  // namespace GRADUS_TARGET
}  // namespace gradus
