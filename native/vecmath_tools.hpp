// What the functions of vecmath.hpp are put together from: polynomials, signs, powers of two, exact sums.
#pragma once

#include <concepts>
#include <cstddef>

#include "vecmath_constants.hpp"

// Vectors in the ABI of a call go through memory; these functions are only good inlined.
#define GRADUS_INLINE [[gnu::always_inline]] inline

namespace gradus {
namespace GRADUS_TARGET {

template <class V>
concept real_vector = std::same_as<V, f32v> || std::same_as<V, f64v>;

namespace vecmath {

#if defined(__AVX512F__)
// y 2^n; x's exponent, as a number; x's significand, brought into [3/4, 3/2). Masked forms, because GCC 12
// takes the plain ones for reads of uninitialized values; it drops a mask of all lanes.
GRADUS_INLINE f32v times_power_of_two(f32v y, f32v n) {
  return bits<f32v>(_mm512_maskz_scalef_ps(__mmask16(-1), bits<__m512>(y), bits<__m512>(n)));
}
GRADUS_INLINE f64v times_power_of_two(f64v y, f64v n) {
  return bits<f64v>(_mm512_maskz_scalef_pd(__mmask8(-1), bits<__m512d>(y), bits<__m512d>(n)));
}
GRADUS_INLINE f32v exponent(f32v x) {
  return bits<f32v>(_mm512_maskz_getexp_ps(__mmask16(-1), bits<__m512>(x)));
}
GRADUS_INLINE f64v exponent(f64v x) {
  return bits<f64v>(_mm512_maskz_getexp_pd(__mmask8(-1), bits<__m512d>(x)));
}
GRADUS_INLINE f32v significand(f32v x) {
  return bits<f32v>(_mm512_maskz_getmant_ps(__mmask16(-1), bits<__m512>(x), _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan));
}
GRADUS_INLINE f64v significand(f64v x) {
  return bits<f64v>(_mm512_maskz_getmant_pd(__mmask8(-1), bits<__m512d>(x), _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan));
}
#endif

// c[0] + c[1] x + c[2] x^2 + ..., innermost first (Horner). Every step waits for the one before, so a long
// polynomial goes as two half as long that run side by side: the even terms, and x times the odd ones.
template <std::size_t first, std::size_t step, class V, class T, std::size_t count>
GRADUS_INLINE V every_term(V x, const T (&c)[count]) {
  if constexpr (first + step >= count) {
    return splat(c[first]);
  } else {
    return every_term<first + step, step>(x, c) * x + c[first];
  }
}

template <class V, class T, std::size_t count>
GRADUS_INLINE V polynomial(V x, const T (&c)[count]) {
  if constexpr (count < 10) {
    return every_term<0, 1>(x, c);
  } else {
    const V square = x * x;
    return every_term<1, 2>(square, c) * x + every_term<0, 2>(square, c);
  }
}

// The larger and the smaller of x and a bound; NaN stays NaN.
template <real_vector V>
GRADUS_INLINE V at_least(typename format<V>::number bound, V x) {
  return splat(bound) > x ? splat(bound) : x;
}

template <real_vector V>
GRADUS_INLINE V at_most(typename format<V>::number bound, V x) {
  return splat(bound) < x ? splat(bound) : x;
}

template <real_vector V>
GRADUS_INLINE V magnitude(V x) {
  return bits<V>(bits<typename format<V>::words>(x) & ~format<V>::sign_mask);
}

// y >= 0 with the sign of x: how the odd functions are odd to the last bit.
template <real_vector V>
GRADUS_INLINE V with_sign_of(V x, V y) {
  using words = typename format<V>::words;
  return bits<V>((bits<words>(x) & format<V>::sign_mask) | bits<words>(magnitude(y)));
}

// A whole number n as a float and, with an offset, in the low bits of `shifted`. Adding 1.5 * 2^fraction
// leaves no room for a fraction, so the sum's low bits hold the nearest whole number.
template <class V>
struct whole {
  V n, shifted;
};

template <real_vector V>
GRADUS_INLINE whole<V> nearest(V x, int offset) {
  using F = format<V>;
  using T = typename F::number;
  const T shift = T(1.5) * T(typename F::integer(1) << F::fraction_bits) + T(offset);
  const V shifted = x + shift;
  return {shifted - shift, shifted};
}

// 2^n for n = nearest(x, bias).n within the normal range: the offset has made n an exponent field.
template <real_vector V>
GRADUS_INLINE V power_of_two(V shifted) {
  return bits<V>(bits<typename format<V>::words>(shifted) << format<V>::fraction_bits);
}

// y 2^n for n = nearest(x, 2 bias): over and under the normal range too. Two factors of about 2^(n/2)
// have room, and only the second product rounds. The halves are halves of the biased field.
template <real_vector V>
GRADUS_INLINE V scaled(V y, whole<V> n) {
#if defined(__AVX512F__)
  return times_power_of_two(y, n.n);
#else
  using words = typename format<V>::words;
  const words field = bits<words>(n.shifted), half = field >> 1;
  return y * bits<V>(half << format<V>::fraction_bits) * bits<V>((field - half) << format<V>::fraction_bits);
#endif
}

// a + b, and what its rounding lost, for any finite a and b (Knuth's two-sum).
template <class V>
struct exact {
  V value, lost;
};

template <real_vector V>
GRADUS_INLINE exact<V> exact_sum(V a, V b) {
  const V value = a + b, from_b = value - a;
  return {value, (a - (value - from_b)) + (b - from_b)};
}

// The doubles of a float vector's lanes, in two vectors, and back.
struct widened {
  f64v part[2];
};

GRADUS_INLINE widened widen(f32v x) {
  float from[simd<float>::lanes];
  double to[simd<float>::lanes];
  store(from, x);
  for (int lane = 0; lane < simd<float>::lanes; ++lane) to[lane] = from[lane];
  return {{load(to), load(to + simd<double>::lanes)}};
}

GRADUS_INLINE f32v narrow(widened x) {
  double from[simd<float>::lanes];
  float to[simd<float>::lanes];
  store(from, x.part[0]);
  store(from + simd<double>::lanes, x.part[1]);
  for (int lane = 0; lane < simd<float>::lanes; ++lane) to[lane] = static_cast<float>(from[lane]);
  return load(to);
}

}  // namespace vecmath
}  // namespace GRADUS_TARGET
}  // namespace gradus
