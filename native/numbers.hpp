// Sums and products as NumPy's: integers wrap, which C++ leaves undefined for signed ones, and for
// booleans (bytes; no other number here is as small) they are "or" and "and".
#pragma once

#include <cstdint>
#include <type_traits>

#include "simd.hpp"

namespace gradus {
namespace GRADUS_TARGET {

template <class T, class F>
inline T wrapped(T x, T y, F f) {
  using U = std::make_unsigned_t<T>;
  return static_cast<T>(f(static_cast<U>(x), static_cast<U>(y)));
}

template <class T>
inline T plus(T x, T y) {
  if constexpr (std::is_same_v<T, std::uint8_t>)
    return x | y;
  else if constexpr (std::is_integral_v<T>)
    return wrapped(x, y, [](auto a, auto b) { return a + b; });
  else
    return x + y;
}

template <class T>
inline T minus(T x, T y) {
  return wrapped(x, y, [](auto a, auto b) { return a - b; });
}

template <class T>
inline T times(T x, T y) {
  if constexpr (std::is_same_v<T, std::uint8_t>)
    return x & y;
  else
    return wrapped(x, y, [](auto a, auto b) { return a * b; });
}

// x / 2^y rounded down; for y beyond the bits of x, negative ones included, what is left of the sign.
template <class T>
inline T shifted_right(T x, T y) {
  using U = std::make_unsigned_t<T>;
  if (static_cast<U>(y) < 8 * sizeof(T)) return static_cast<T>(x >> y);
  return x < 0 ? T(-1) : T(0);
}

}  // namespace GRADUS_TARGET
}  // namespace gradus
