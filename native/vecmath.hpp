// Elementary functions of whole vectors: exp, expm1, log, log1p, tanh, sigmoid, erf, sin, cos, sqrt,
// logaddexp, pow; each for f32v and f64v.
//
// Every result is within 2 ulp of the true value, subnormals included, and right at +-0, +-inf and NaN
// (tests/vecmath_test.cpp checks it, for float on all 2^32 arguments). The exceptions: pow is the C
// library's, and logaddexp says below what it keeps where its result passes through zero.
// A lane's result depends on nothing but that lane's argument, so a tail may be padded with anything.
//
// How they are built. (1) Reduce the argument to a small interval by an identity, exactly or with the
// error carried along. (2) Evaluate a minimax polynomial there, added last to the exact leading term:
// its own error then hardly counts. (3) Undo the reduction. No branches on the common path: both sides
// are computed and one selected. Where a product must be exact its factors are short enough to be exact
// without fused multiply-add too, so the compiler is free to contract as it likes.
#pragma once

#include <cmath>
#include <limits>

#include "vecmath_tools.hpp"

namespace gradus {
namespace GRADUS_TARGET {

namespace vecmath {

// ------------------------------------------------------------------------------------------------
// exp x = 2^n exp r, with n = x / ln 2 to the nearest whole number and r = x - n ln 2, |r| <= ln(2) / 2
// ------------------------------------------------------------------------------------------------

inline constexpr double log2_e = 1.44269504088896340736;

// exp(x + correction), the correction below x's last bit.
template <real_vector V>
GRADUS_INLINE V exp_between_bounds(V x, V correction = V{}) {
  using F = format<V>;
  using T = typename F::number;
  const whole<V> n = nearest(V(x * T(log2_e)), 2 * F::bias);
  const V r = (x - n.n * F::ln2_high) - (n.n * F::ln2_low - correction);
  return scaled(V((polynomial(r, F::exp_tail) * r + T(1)) * r + T(1)), n);
}

// exp of what is known to be neither large nor small enough to leave the normal range.
template <real_vector V>
GRADUS_INLINE V exp_in_range(V x) {
#if defined(__AVX512F__)
  return exp_between_bounds(x);
#else
  using F = format<V>;
  using T = typename F::number;
  const whole<V> n = nearest(V(x * T(log2_e)), F::bias);
  const V r = (x - n.n * F::ln2_high) - n.n * F::ln2_low;
  return ((polynomial(r, F::exp_tail) * r + T(1)) * r + T(1)) * power_of_two(n.shifted);
#endif
}

// ------------------------------------------------------------------------------------------------
// log x = k ln 2 + log(1 + f), with x = 2^k (1 + f) and -1/4 <= f < 1/2
// ------------------------------------------------------------------------------------------------

// The interval [3/4, 3/2) keeps k = 0 around x = 1, where the result is small and must come from f alone.
template <class V>
struct split {
  V k, f;
};

// For a positive x below infinity. Elsewhere k alone is the logarithm: -inf at 0, inf at inf, or NaN.
template <real_vector V>
GRADUS_INLINE split<V> split_power_of_two(V x) {
  using F = format<V>;
  using T = typename F::number;
#if defined(__AVX512F__)
  // getexp and getmant take subnormals as they come, and give the special values by themselves.
  const V m = significand(x);
  return {exponent(x) - exponent(m), m - T(1)};
#else
  using limits = std::numeric_limits<T>;
  using words = typename F::words;
  using integer = typename F::integer;
  const auto subnormal = x < splat(limits::min());
  const V normal = select(subnormal, V(x * T(integer(1) << F::fraction_bits)), x);

  // Counted from 3/4, an exponent field ticks over at 3/2 instead of at 2. Under the fraction bits of
  // the number 2^fraction_bits, that field is a whole number ready to be read as a float.
  const words from = bits<words>(normal) + (F::one_bits - F::three_quarters_bits);
  const words one_to_two = from & ((integer(1) << F::fraction_bits) - 1);
  const V f = bits<V>(one_to_two + F::three_quarters_bits) - T(1);
  const T power = T(integer(1) << F::fraction_bits);
  V k = bits<V>((from >> F::fraction_bits) | bits<words>(splat(power)));
  k -= select(subnormal, splat(power + T(F::bias + F::fraction_bits)), splat(power + T(F::bias)));

  k = select(x < splat(limits::infinity()), k, x);
  const V none = select(x == V{}, splat(-limits::infinity()), splat(limits::quiet_NaN()));
  return {select(x > V{}, k, none), f};
#endif
}

// log(1 + f) - f. A polynomial serves float; double would need some twenty terms, because the series
// has its pole at -1, and takes the division to s = f / (2 + f) instead: f = 2 s + f s, so
// log(1 + f) = 2 atanh s = f - s (f - s^2 q(s^2)).
GRADUS_INLINE f32v log_tail(f32v f) { return f * f * polynomial(f, format<f32v>::log_tail); }

GRADUS_INLINE f64v log_tail(f64v f) {
  const f64v s = f / (f + 2.0), z = s * s;
  return -s * (f - z * polynomial(z, format<f64v>::atanh_tail));
}

// 1 + x, as u = 1 + x and what u's rounding lost. That goes back in where it matters: into f. For k = 0
// it makes f = x exactly, and small x keep their relative accuracy.
template <real_vector V>
GRADUS_INLINE split<V> split_one_plus(V x) {
  using F = format<V>;
  using T = typename F::number;
  using words = typename F::words;
  const exact<V> u = exact_sum(x, splat(T(1)));
  split<V> parts = split_power_of_two(u.value);

  // 2^-k from u's bits, as split_power_of_two finds k. Large x lose nothing (and infinite ones NaN).
  const words field = bits<words>(u.value) + (F::one_bits - F::three_quarters_bits);
  const words exponent = field & ~((typename F::integer(1) << F::fraction_bits) - 1);
  const V inverse_power = bits<V>(2 * F::one_bits - exponent);
  parts.f += select(x < splat(T(0x1p60)), V(u.lost * inverse_power), V{});
  return parts;
}

template <real_vector V>
GRADUS_INLINE V log_of(split<V> x) {
  using F = format<V>;
  return x.k * F::ln2_high + (x.f + (x.k * F::ln2_low + log_tail(x.f)));
}

}  // namespace vecmath

template <real_vector V>
GRADUS_INLINE V exp(V x) {
  using F = vecmath::format<V>;
  return vecmath::exp_between_bounds(vecmath::at_most(F::exp_max, vecmath::at_least(F::exp_min, x)));
}

// e^x - 1 = 2^n (e^r - 1) + (2^n - 1). Where n is +-1 the two parts nearly cancel, so r's own rounding
// error is carried along in `rest`. Half of everything, so that 2^128 (2^1024) does not overflow early.
template <real_vector V>
GRADUS_INLINE V expm1(V x) {
  using F = vecmath::format<V>;
  using T = typename F::number;
  const V y = vecmath::at_most(F::exp_max, vecmath::at_least(F::minus_one, x));
  const vecmath::whole<V> n = vecmath::nearest(V(y * T(vecmath::log2_e)), F::bias - 1);
  const V high = y - n.n * F::ln2_high, r = high - n.n * F::ln2_low;
  const V rest = (high - r) - n.n * F::ln2_low + r * r * vecmath::polynomial(r, F::exp_tail);
  const V half_power = vecmath::power_of_two(n.shifted);
  const V half = half_power * rest + (half_power * r + (half_power - T(0.5)));
  return select(vecmath::magnitude(x) < splat(F::tiny), x, V(half + half));
}

template <real_vector V>
GRADUS_INLINE V log(V x) {
  return vecmath::log_of(vecmath::split_power_of_two(x));
}

template <real_vector V>
GRADUS_INLINE V log1p(V x) {
  return vecmath::with_sign_of(x, vecmath::log_of(vecmath::split_one_plus(x)));
}

// A polynomial while tanh x < 1/2; from there 1 - 2 / (e^(2x) + 1), whose errors the subtraction halves.
template <real_vector V>
GRADUS_INLINE V tanh(V x) {
  using F = vecmath::format<V>;
  using T = typename F::number;
  const V a = vecmath::magnitude(x), z = a * a;
  const V small = a + a * z * vecmath::polynomial(z, F::tanh_tail);
  const V b = vecmath::at_most(F::tanh_one, a);
  const V large = T(1) - T(2) / (vecmath::exp_in_range(V(b + b)) + T(1));
  return vecmath::with_sign_of(x, select(a < splat(T(0.55)), small, large));
}

// With e = exp(-|x|) and q = e / (1 + e): e - e q = e / (1 + e) for x < 0 and 1 - q = 1 / (1 + e) for the
// rest. Where e is small q is only a correction, so the far tail is exp x itself and the far end 1.
template <real_vector V>
GRADUS_INLINE V sigmoid(V x) {
  using F = vecmath::format<V>;
  using T = typename F::number;
  const V e = vecmath::exp_between_bounds(vecmath::at_least(F::exp_min, V(-vecmath::magnitude(x))));
  const V q = e / (e + T(1));
  const V whole = select(x < V{}, e, splat(T(1)));
  return whole - whole * q;
}

// A polynomial while |x| < 1; from there 1 - exp(log(1 - erf x)), with a polynomial for the logarithm.
template <real_vector V>
GRADUS_INLINE V erf(V x) {
  using F = vecmath::format<V>;
  using T = typename F::number;
  const V a = vecmath::magnitude(x);
  const V small = a + a * vecmath::polynomial(V(a * a), F::erf_tail);
  const V t = vecmath::at_most(F::erf_one, a) - T(1);
  const V large = T(1) - vecmath::exp_in_range(V(-vecmath::polynomial(t, F::minus_log_erfc)));
  return vecmath::with_sign_of(x, select(a < splat(T(1)), small, large));
}

// One instruction where the target has it: compilers turn the loop into that.
template <real_vector V>
GRADUS_INLINE V sqrt(V x) {
  using T = typename vecmath::format<V>::number;
  T lanes[simd<T>::lanes];
  store(lanes, x);
  for (T& lane : lanes) lane = std::sqrt(lane);
  return load(lanes);
}

// ------------------------------------------------------------------------------------------------
// sin and cos. x = n pi + r, |r| <= pi / 2: sin x = (-1)^n sin r. For the cosine x = (n + 1/2) pi + r:
// cos x = (-1)^n sin(-r). So one polynomial serves both, with no quadrants to choose from.
// ------------------------------------------------------------------------------------------------

namespace vecmath {

enum class wave { sine, cosine };

// The multiple of pi nearest to x >= 0 (offset by a half for the cosine), and in the sign bit the sign
// that r must take.
struct turns {
  f64v n;
  i64v flip;
};

template <wave which>
GRADUS_INLINE turns half_turns(f64v x) {
  if constexpr (which == wave::sine) {
    const whole<f64v> n = nearest(f64v(x * one_over_pi), 0);
    return {n.n, bits<i64v>(n.shifted) << 63};
  } else {
    const whole<f64v> n = nearest(f64v(x * one_over_pi - 0.5), 1);
    return {n.n + 0.5, bits<i64v>(n.shifted) << 63};
  }
}

GRADUS_INLINE f64v flipped(f64v x, i64v flip) { return bits<f64v>(bits<i64v>(x) ^ flip); }

// float: in double, where two pieces of pi leave r right to a float's last bit and no error adds up.
template <wave which>
GRADUS_INLINE f32v wave_of_moderate(f32v x) {
  widened y = widen(x);
  for (f64v& part : y.part) {
    const turns t = half_turns<which>(part);
    const f64v r = flipped((part - t.n * pi_1) - t.n * pi_after_1, t.flip), z = r * r;
    part = r + r * z * polynomial(z, format<f32v>::sin_tail);
  }
  return narrow(y);
}

// double: r as the sum of r and a correction c, sin(r + c) = sin r + c cos r. x - n pi_1 is exact.
template <wave which>
GRADUS_INLINE f64v wave_of_moderate(f64v x) {
  const turns t = half_turns<which>(x);
  const exact<f64v> second = exact_sum(f64v(x - t.n * pi_1), f64v(-t.n * pi_2));
  const exact<f64v> third = exact_sum(second.value, f64v(-t.n * pi_3));
  const f64v r = third.value, z = r * r;
  const f64v c = (second.lost + third.lost) - t.n * pi_4;
  const f64v cosine = 1.0 + z * (z * (1.0 / 24) - 0.5);
  const f64v tail = r * z * polynomial(z, format<f64v>::sin_tail) + c * cosine;
  return flipped(r + tail, t.flip);
}

// The C library, lane by lane, for angles too large for the pieces of pi above, and for infinity.
template <wave which, class V>
[[gnu::noinline]] V wave_of_large(V x, V y) {
  using T = typename format<V>::number;
  for (int lane = 0; lane < simd<T>::lanes; ++lane) {
    const double angle = x[lane];
    if (angle > largest_angle) {
      y[lane] = static_cast<T>(which == wave::sine ? std::sin(angle) : std::cos(angle));
    }
  }
  return y;
}

template <wave which, class V>
GRADUS_INLINE V wave_of(V x) {
  const V y = wave_of_moderate<which>(x);
  const V limit = splat(static_cast<typename format<V>::number>(largest_angle));
  if (any(x > limit)) [[unlikely]] return wave_of_large<which>(x, y);
  return y;
}

}  // namespace vecmath

template <real_vector V>
GRADUS_INLINE V sin(V x) {
  using F = vecmath::format<V>;
  using words = typename F::words;
  const V y = vecmath::wave_of<vecmath::wave::sine>(vecmath::magnitude(x));
  return bits<V>(bits<words>(y) ^ (bits<words>(x) & F::sign_mask));
}

template <real_vector V>
GRADUS_INLINE V cos(V x) {
  return vecmath::wave_of<vecmath::wave::cosine>(vecmath::magnitude(x));
}

// ------------------------------------------------------------------------------------------------
// log(e^a + e^b) = m + log1p(e^-d), with m the larger and d the distance
// ------------------------------------------------------------------------------------------------

namespace vecmath {

struct log_sum {
  f64v larger;
  split<f64v> ratio;  // 1 + e^-d
};

GRADUS_INLINE log_sum logaddexp_parts(f64v a, f64v b) {
  const auto a_larger = a > b;
  const f64v larger = select(a_larger, a, b), smaller = select(a_larger, b, a);
  // Infinities: the distance of equal ones is 0, and nothing is lost to rounding, where the subtraction
  // says NaN to both. NaN itself stays in d.
  const exact<f64v> d = exact_sum(smaller, f64v(-larger));
  const f64v exponent = at_least(format<f64v>::exp_min, select(a == b, f64v{}, d.value));
  const f64v lost = select(magnitude(d.value) < splat(-format<f64v>::exp_min), d.lost, f64v{});
  return {larger, split_one_plus(exp_between_bounds(exponent, lost))};
}

// Where m < 0 and the logarithm nearly cancel, in long double. x86's keeps 2 ulp down to results of 2^-12 and
// an absolute error of 2^-64 below; a machine with nothing wider than double keeps 2^-53.
[[gnu::noinline]] inline f64v logaddexp_of_cancelling(f64v a, f64v b, i64v lanes, f64v y) {
  for (int lane = 0; lane < simd<double>::lanes; ++lane) {
    if (lanes[lane] == 0) continue;
    const long double first = a[lane], second = b[lane];
    const long double larger = std::fmax(first, second), distance = std::fabs(first - second);
    y[lane] = static_cast<double>(larger + std::log1p(std::exp(-distance)));
  }
  return y;
}

}  // namespace vecmath

GRADUS_INLINE f64v logaddexp(f64v a, f64v b) {
  using F = vecmath::format<f64v>;
  const auto [larger, ratio] = vecmath::logaddexp_parts(a, b);
  // Term by term from the large to the small, as log_of does it, with the rounding errors added last.
  const f64v tail = ratio.k * F::ln2_low + vecmath::log_tail(ratio.f);
  const vecmath::exact<f64v> first = vecmath::exact_sum(larger, f64v(ratio.k * F::ln2_high));
  const vecmath::exact<f64v> second = vecmath::exact_sum(first.value, ratio.f);
  const f64v finite = second.value + (first.lost + second.lost + tail);
  // An infinite m stays, unless the other was NaN, which k has kept.
  const auto ordinary = vecmath::magnitude(larger) < splat(std::numeric_limits<double>::infinity());
  const f64v y = select(ordinary, finite, f64v(larger + ratio.k));

  const i64v cancelling = (larger < f64v{}) & (vecmath::magnitude(y) < y - larger);
  if (any(cancelling)) [[unlikely]] return vecmath::logaddexp_of_cancelling(a, b, cancelling, y);
  return y;
}

// In double, whose 29 spare bits cover the cancellation for results down to 2^-28.
[[gnu::noinline]] inline f32v logaddexp_in_double(f32v a, f32v b) {
  const vecmath::widened left = vecmath::widen(a), right = vecmath::widen(b);
  const vecmath::log_sum low = vecmath::logaddexp_parts(left.part[0], right.part[0]);
  const vecmath::log_sum high = vecmath::logaddexp_parts(left.part[1], right.part[1]);
  return vecmath::narrow({{low.larger + vecmath::log_of(low.ratio), high.larger + vecmath::log_of(high.ratio)}});
}

// Where m >= 0, as in softplus, nothing cancels: m + log1p(e^-d), with what d lost in its rounding.
GRADUS_INLINE f32v logaddexp(f32v a, f32v b) {
  using F = vecmath::format<f32v>;
  const auto a_larger = a > b;
  const f32v larger = select(a_larger, a, b), smaller = select(a_larger, b, a);
  const vecmath::exact<f32v> d = vecmath::exact_sum(smaller, f32v(-larger));
  const f32v exponent = vecmath::at_least(F::exp_min, select(a == b, f32v{}, d.value));
  const f32v lost = select(vecmath::magnitude(d.value) < splat(-F::exp_min), d.lost, f32v{});
  const f32v y = larger + GRADUS_TARGET::log1p(vecmath::exp_between_bounds(exponent, lost));
  const auto may_cancel = larger < f32v{};
  if (any(may_cancel)) [[unlikely]] return select(may_cancel, logaddexp_in_double(a, b), y);
  return y;
}

// The C library, lane by lane.
template <real_vector V>
GRADUS_INLINE V pow(V a, V b) {
  for (int lane = 0; lane < simd<typename vecmath::format<V>::number>::lanes; ++lane) {
    a[lane] = std::pow(a[lane], b[lane]);
  }
  return a;
}

}  // namespace GRADUS_TARGET
}  // namespace gradus

#undef GRADUS_INLINE
