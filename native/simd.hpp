// Vectors as wide as the target has them, in GCC's and Clang's portable vector extensions.
//
// Every kernel source is compiled once for each target (see CMakeLists.txt) with its own -march and
// its own GRADUS_TARGET, the name of the namespace that keeps the copies apart.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#ifndef GRADUS_TARGET
#define GRADUS_TARGET plain
#endif

namespace gradus {
namespace GRADUS_TARGET {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int vector_bytes = 32;
#else
inline constexpr int vector_bytes = 16;
#endif

// A vector of T, its lane count, and the integer vector of the same shape.
template <class T>
struct simd {
  static constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));
  typedef T vec __attribute__((vector_size(vector_bytes)));
};

template <class T>
using vec = typename simd<T>::vec;

using f32v = vec<float>;
using f64v = vec<double>;
using i32v = vec<std::int32_t>;
using i64v = vec<std::int64_t>;

// Loads and stores at any address: compilers turn these into one unaligned move.
template <class T>
inline vec<T> load(const T* p) {
  vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
inline void store(T* p, vec<T> v) {
  std::memcpy(p, &v, sizeof v);
}

// The same bits as another vector type.
template <class To, class From>
inline To bits(From v) {
  static_assert(sizeof(To) == sizeof(From));
  To t;
  std::memcpy(&t, &v, sizeof t);
  return t;
}

// The first `count` lanes (1 to all of them) and nothing beyond in memory; a load makes the other
// lanes zero. AVX-512 does this for free, elsewhere it is a loop: keep it out of inner loops there.
#if defined(__AVX512F__)
inline constexpr bool masks_are_free = true;
#else
inline constexpr bool masks_are_free = false;
#endif

template <class T>
inline vec<T> load_first(const T* p, long count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return bits<vec<T>>(_mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << count) - 1), p));
  else
    return bits<vec<T>>(_mm512_maskz_loadu_epi64(static_cast<__mmask8>((1u << count) - 1), p));
#else
  if (count == simd<T>::lanes) return load(p);
  T lanes[simd<T>::lanes] = {};
  for (long i = 0; i < count; ++i) lanes[i] = p[i];
  return load(lanes);
#endif
}

template <class T>
inline void store_first(T* p, vec<T> v, long count) {
#if defined(__AVX512F__)
  // Later loads of the same lanes have to wait for a masked store, so half a vector (8 floats are
  // common) goes without the mask.
  if (2 * count == simd<T>::lanes) {
    std::memcpy(p, &v, sizeof v / 2);
    return;
  }
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>((1u << count) - 1), bits<__m512i>(v));
  else
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>((1u << count) - 1), bits<__m512i>(v));
#else
  if (count == simd<T>::lanes) return store(p, v);
  for (long i = 0; i < count; ++i) p[i] = v[i];
#endif
}

template <class T>
inline vec<T> splat(T x) {
  return x - vec<T>{};
}

// yes where the mask is set, no elsewhere; a mask is what comparing two vectors gives.
template <class Mask, class V>
inline V select(Mask mask, V yes, V no) {
  return mask ? yes : no;
}

// 0, 1, 2, …
template <class T>
inline vec<T> lane_numbers() {
  vec<T> v;
  for (int i = 0; i < simd<T>::lanes; ++i) v[i] = static_cast<T>(i);
  return v;
}

// The lanes from First on, moved to the front; what follows them is any of the lanes.
template <class T, int First, std::size_t... I>
inline vec<T> from_lane(vec<T> v, std::index_sequence<I...>) {
  return __builtin_shufflevector(v, v, static_cast<int>((I + First) % sizeof...(I))...);
}
template <class T, int First>
inline vec<T> from_lane(vec<T> v) {
  return from_lane<T, First>(v, std::make_index_sequence<simd<T>::lanes>{});
}

// Is any lane of the mask set?
template <class Mask>
inline bool any(Mask mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi64_mask(bits<__m512i>(mask), bits<__m512i>(mask)) != 0;
#else
  const i64v words = bits<i64v>(mask);
  std::int64_t set = 0;
  for (int lane = 0; lane < simd<std::int64_t>::lanes; ++lane) set |= words[lane];
  return set != 0;
#endif
}

}  // namespace GRADUS_TARGET
}  // namespace gradus
