// The numbers behind vecmath.hpp: what float and double look like, and the polynomials' coefficients.
//
// Every polynomial is a minimax fit: of all polynomials of its degree the one whose largest relative
// error in the finished function is least. tests/minimax.py computes them all; the power of two beside
// each is that error before rounding. Half an ulp is 2^-24 for float and 2^-53 for double.
#pragma once

#include <limits>

#include "simd.hpp"

namespace gradus {
namespace GRADUS_TARGET {
namespace vecmath {

// f32v or f64v.
template <class V>
struct format;

template <>
struct format<f32v> {
  using number = float;
  using integer = std::uint32_t;  // arithmetic on bits may wrap
  using words = vec<integer>;

  static constexpr integer fraction_bits = 23, bias = 127;
  static constexpr integer sign_mask = 0x80000000;
  static constexpr integer one_bits = 0x3f800000, three_quarters_bits = 0x3f400000;

  // ln 2 in two pieces. The first has 16 significant bits, so that n * ln2_high is exact for every
  // exponent n (8 bits) even where there is no fused multiply-add.
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;

  // exp is 0 below exp_min and infinite above exp_max; expm1 is -1 below minus_one.
  static constexpr float exp_min = -104, exp_max = 89, minus_one = -20;
  // Below it expm1(x) = x to the last bit.
  static constexpr float tiny = 0x1p-27f;
  // From these on tanh and erf are 1 to the last bit.
  static constexpr float tanh_one = 10, erf_one = 4;

  // exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2) / 2.                                         2^-26.2
  static constexpr float exp_tail[] = {0.49999997f, 0.16666543f, 0.0416672f, 0.0083665475f, 0.0013882518f};
  // log(1 + f) = f + f^2 q(f) for -1/4 <= f <= 1/2.                                         2^-27.6
  static constexpr float log_tail[] = {-0.5f,        0.3333345f,  -0.25000095f, 0.19990861f, -0.16647312f,
                                       0.14478394f, -0.13161196f, 0.104630254f, -0.045074824f};
  // tanh(x) = x + x^3 q(x^2) for |x| <= 0.55.                                               2^-29.8
  static constexpr float tanh_tail[] = {-0.33333316f, 0.13332586f, -0.05385231f, 0.021071678f,
                                        -0.0062742378f};
  // erf(x) = x + x q(x^2) for |x| <= 1.                                                     2^-29.6
  static constexpr float erf_tail[] = {0.12837917f,  -0.37612626f,   0.112835854f, -0.026853813f,
                                       0.0051883277f, -0.00080101955f, 7.853867e-05f};
  // -log(1 - erf(1 + t)) = q(t) for 0 <= t <= 3; the error is erf's.                        2^-29.9
  static constexpr float minus_log_erfc[] = {1.8496056f,    2.6389668f,   0.8431183f,    0.041500688f,
                                             -0.009890892f, 0.0018261631f, -0.00018557398f};
  // sin(r) = r + r^3 q(r^2) for |r| <= pi / 2.                                              2^-27.3
  static constexpr double sin_tail[] = {-0.1666665954452503, 0.00833306608007869, -0.00019809589888247582,
                                        2.605750222235652e-06};
};

template <>
struct format<f64v> {
  using number = double;
  using integer = std::uint64_t;
  using words = vec<integer>;

  static constexpr integer fraction_bits = 52, bias = 1023;
  static constexpr integer sign_mask = 0x8000000000000000;
  static constexpr integer one_bits = 0x3ff0000000000000, three_quarters_bits = 0x3fe8000000000000;

  static constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 5.497923018708371e-14;  // 42 bits

  static constexpr double exp_min = -746, exp_max = 710, minus_one = -40;
  static constexpr double tiny = 0x1p-56;
  static constexpr double tanh_one = 20, erf_one = 6;

  // 2^-55.6
  static constexpr double exp_tail[] = {
      0.5000000000000006,     0.16666666666666588,   0.041666666666576466,  0.008333333333389738,
      0.001388888893166713,   0.00019841269718699897, 2.480150514272101e-05, 2.755740769817775e-06,
      2.762609281131047e-07,  2.5053771237915247e-08};
  // log(1 + f) = 2 atanh(s) = 2 s + s^3 q(s^2) with s = f / (2 + f), -1/7 <= s <= 1/5.      2^-62.7
  static constexpr double atanh_tail[] = {0.666666666666666,   0.4000000000005594,  0.2857142855600732,
                                          0.22222224276182914, 0.18181667089851228, 0.15391072380020449,
                                          0.1317426272357562,  0.1383856067080163};
  // 2^-60.6
  static constexpr double tanh_tail[] = {
      -0.333333333333333,     0.13333333333326622,    -0.05396825396376049,   0.02186948838585242,
      -0.008863232601388805,  0.00359209202994936,    -0.001455542842896809,  0.0005884444755297875,
      -0.0002333815405747143, 8.331641512849251e-05,  -1.9494669277250384e-05};
  // 2^-62.7
  static constexpr double erf_tail[] = {
      0.1283791670955126,     -0.3761263890318375,    0.11283791670954857,    -0.026866170645072896,
      0.005223977624780867,   -0.0008548326978742052, 0.0001205533103688895,  -1.4925593506540704e-05,
      1.6460972810247708e-06, -1.6350025140912135e-07, 1.4657879238739532e-08, -1.136566346044511e-09,
      5.945257284532827e-11};
  // 2^-57.1, for 0 <= t <= 5
  static constexpr double minus_log_erfc[] = {
      1.8496055099332482,     2.6389675142347757,      0.8431072563594127,      0.04156109802507906,
      -0.010033825179125568,  0.00197790121592953,     -0.000237316435674935,   -2.629632358090535e-05,
      2.719896507501822e-05,  -9.671365464331466e-06,  2.1319276713266667e-06,  -2.0480274948019383e-07,
      -5.801658819434006e-08, 3.339319809629917e-08,   -8.519296432861323e-09,  1.319196500269156e-09,
      -1.1933577758968781e-10, 4.865489251257786e-12};
  // 2^-61.6
  static constexpr double sin_tail[] = {
      -0.16666666666666666,    0.008333333333333194,  -0.00019841269841209142, 2.7557319211123786e-06,
      -2.5052106871536458e-08, 1.6058939640891317e-10, -7.642989764228337e-13, 2.721156462958887e-15};
};

// pi in pieces for sin and cos. The first three have 33 bits, so that a multiple of up to 20 bits is
// exact; each rest is pi less the pieces before it.
inline constexpr double pi_1 = 0x1.921fb544p+1, pi_2 = 0x1.0b4611a6p-33, pi_3 = 0x1.3198a2ep-68,
                        pi_4 = 0x1.b839a252049c1p-103;
inline constexpr double pi_after_1 = 0x1.0b4611a626331p-33;
inline constexpr double one_over_pi = 0.318309886183790671538;
// Beyond it sin and cos leave the vector path: the multiple of pi would no longer be exact.
inline constexpr double largest_angle = 500000;

}  // namespace vecmath
}  // namespace GRADUS_TARGET
}  // namespace gradus
