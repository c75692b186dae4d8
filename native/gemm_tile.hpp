// The two inner loops of a matrix product: a tile of C in registers, and packing an operand into
// the order in which tiles read it. gemm.hpp decides which tile and what to pack.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "simd.hpp"

namespace gradus {
namespace GRADUS_TARGET {
namespace gemm_detail {

#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr bool many_registers = true;  // 32 vector registers
#else
inline constexpr bool many_registers = false;  // 16
#endif

// Rows of the tallest tile that is 2^log2 vectors wide. Enough sums to cover the latency of a
// multiply-add (4 cycles, 2 a cycle: 8 sums), as many as registers hold beside B and one element
// of A. Few rows leave room for width: a single row of C is computed 8 vectors at a time.
inline constexpr int widths = 4;
inline constexpr int tallest[widths] = {
    many_registers ? 16 : 12,
    many_registers ? 12 : 6,
    many_registers ? 6 : 2,
    many_registers ? 2 : 1,
};

// C tile (Rows × columns ≤ Vectors·lanes) = (from_c ? C : 0) + A·B for row strides a_row, b_row,
// c_row; a_col is A's stride along k. B and C have unit stride along a row. Without free masks B
// must be readable to the full width.
template <class T, int Rows, int Vectors>
[[gnu::noinline]] void tile(long K, const T* a, long a_row, long a_col, const T* b, long b_row,
                            T* c, long c_row, long columns, bool from_c) {
  constexpr int L = simd<T>::lanes;
  constexpr int final = Vectors - 1;  // only the last vector can be partial
  const long rest = columns - final * L;
  vec<T> sum[Rows][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) sum[i][j] = vec<T>{};
  }
  if (from_c) {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < final; ++j) sum[i][j] = load(c + i * c_row + j * L);
      sum[i][final] = load_first(c + i * c_row + final * L, rest);
    }
  }
  for (long k = 0; k < K; ++k, a += a_col, b += b_row) {
    vec<T> row[Vectors];
#pragma GCC unroll 8
    for (int j = 0; j < final; ++j) row[j] = load(b + j * L);
    if constexpr (masks_are_free)
      row[final] = load_first(b + final * L, rest);
    else
      row[final] = load(b + final * L);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const vec<T> x = splat(a[i * a_row]);
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) sum[i][j] += x * row[j];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < final; ++j) store(c + i * c_row + j * L, sum[i][j]);
    store_first(c + i * c_row + final * L, sum[i][final], rest);
  }
}

template <class T>
using Tile = void (*)(long, const T*, long, long, const T*, long, T*, long, long, bool);

template <class T>
struct Tiles {
  Tile<T> of[widths][16] = {};  // [log2 vectors][rows − 1]

  constexpr Tiles() {
    fill<0>(std::make_index_sequence<tallest[0]>{});
    fill<1>(std::make_index_sequence<tallest[1]>{});
    fill<2>(std::make_index_sequence<tallest[2]>{});
    fill<3>(std::make_index_sequence<tallest[3]>{});
  }
  template <int Log2, std::size_t... R>
  constexpr void fill(std::index_sequence<R...>) {
    ((of[Log2][R] = tile<T, R + 1, 1 << Log2>), ...);
  }
};

template <class T>
inline constexpr Tiles<T> tiles{};

// ---------------------------------------------------------------------------------------- pack

template <class T, int Bytes>
struct wide {
  typedef T vec __attribute__((vector_size(Bytes)));
};

// Alternate the elements of the low (or high) halves of a and b within each 16 bytes, which is the
// one shuffle that every width of x86 and arm does in a single instruction.
template <bool High, class V, std::size_t... I>
inline V interleave(V a, V b, std::index_sequence<I...>) {
  constexpr int n = sizeof...(I);
  constexpr std::size_t lane = 16 / sizeof(a[0]);
  return __builtin_shufflevector(
      a, b, (static_cast<int>(I / lane * lane + I % lane / 2 + (High ? lane / 2 : 0)) +
             (I % 2 ? n : 0))...);
}
template <bool High, class V>
inline V interleave(V a, V b) {
  return interleave<High>(a, b, std::make_index_sequence<sizeof(V) / sizeof(a[0])>{});
}

template <class Whole, class Half, std::size_t... I>
inline Whole join(Half a, Half b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, static_cast<int>(I)...);
}

// The 16-byte pieces rows[0][k…], rows[step][k…], … side by side in one vector.
template <class T, int Bytes>
inline typename wide<T, Bytes>::vec pieces(const T* const* rows, long k) {
  using V = typename wide<T, Bytes>::vec;
  if constexpr (Bytes == 16) {
    V v;
    std::memcpy(&v, rows[0] + k, 16);
    return v;
  } else {
    constexpr int half = Bytes / 2;
    return join<V>(pieces<T, half>(rows, k), pieces<T, half>(rows + half / sizeof(T), k),
                   std::make_index_sequence<Bytes / sizeof(T)>{});
  }
}

// Transposes 16/sizeof(T) columns, from column k on, of as many rows as a vector has lanes.
template <class T, int Bytes>
inline void transpose(const T* const* rows, long k, T* to, long width) {
  using V = typename wide<T, Bytes>::vec;
  const auto put = [&](int j, auto v) { std::memcpy(to + j * width, &v, Bytes); };
  const V r0 = pieces<T, Bytes>(rows, k), r1 = pieces<T, Bytes>(rows + 1, k);
  if constexpr (sizeof(T) == 8) {
    put(0, interleave<false>(r0, r1));
    put(1, interleave<true>(r0, r1));
  } else {
    using D = typename wide<double, Bytes>::vec;
    const V r2 = pieces<T, Bytes>(rows + 2, k), r3 = pieces<T, Bytes>(rows + 3, k);
    const D low01 = bits<D>(interleave<false>(r0, r1)), high01 = bits<D>(interleave<true>(r0, r1));
    const D low23 = bits<D>(interleave<false>(r2, r3)), high23 = bits<D>(interleave<true>(r2, r3));
    put(0, interleave<false>(low01, low23));
    put(1, interleave<true>(low01, low23));
    put(2, interleave<false>(high01, high23));
    put(3, interleave<true>(high01, high23));
  }
}

// panel[k·width + i] = x[i·across + k·along] for i < count and k < depth; the columns from count
// to width (a multiple of Bytes) hold any finite or copied numbers, which no result depends on.
template <class T, int Bytes>
void pack(const T* x, long across, long along, long count, long depth, T* panel, long width) {
  constexpr long piece = 16 / sizeof(T), lanes = Bytes / sizeof(T);
  if (along == 1 && depth >= piece) {
    for (long i = 0; i < count; i += lanes) {
      const T* rows[lanes];
      for (long r = 0; r < lanes; ++r) rows[r] = x + std::min(i + r, count - 1) * across;
      for (long k = 0; k <= depth - piece; k += piece)
        transpose<T, Bytes>(rows, k, panel + k * width + i, width);
      if (depth % piece != 0) {  // once more, overlapping, up to the end
        const long k = depth - piece;
        transpose<T, Bytes>(rows, k, panel + k * width + i, width);
      }
    }
    return;
  }
  if (across == 1 && count == width) {  // the usual case, and a third of its time in the general way
    for (long k = 0; k < depth; ++k, x += along, panel += width)
      for (long i = 0; i < width; i += lanes) std::memcpy(panel + i, x + i, Bytes);
    return;
  }
  for (long k = 0; k < depth; ++k, x += along, panel += width) {
    long i = 0;
    if (across == 1) {
      for (; i + lanes <= count; i += lanes) std::memcpy(panel + i, x + i, Bytes);
      for (; i + piece <= count; i += piece) std::memcpy(panel + i, x + i, 16);
    }
    for (; i < count; ++i) panel[i] = x[i * across];
    for (; i < width; ++i) panel[i] = 0;
  }
}

}  // namespace gemm_detail
}  // namespace GRADUS_TARGET
}  // namespace gradus
