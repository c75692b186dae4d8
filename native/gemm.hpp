// Matrix products with a fixed order of summation.
//
//   C[m,n] = Σ_k A[m,k]·B[k,n]
//
// Every element of C is one chain of multiply-adds over k = 0, 1, …, K−1, started from zero. Whatever
// is chosen for speed (size of the tile, packing, blocks of K, threads) only says where that chain waits
// between two steps: in a register or in C. So the bits of C depend on the numbers and on the target
// alone, and neither on the split over threads nor on the shape around.
//
// From the inside out: tile and pack (gemm_tile.hpp); the plan, which suits blocks to the caches;
// gemm_rows, the loops over blocks; gemm, the entry. The plan's sizes are for 32–48 KB of
// first-level and 1 MB of second-level cache, measured on a Zen 5.
//
// After Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 2008.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "gemm_tile.hpp"

namespace gradus {
namespace GRADUS_TARGET {

struct GemmShape {
  long M, N, K;  // C is M × N, A is M × K, B is K × N
};

// The default, which costs nothing.
struct NoEpilogue {
  static constexpr bool takes_all() { return false; }
  template <class T>
  void operator()(T*, long, long, long, long, long) const {}
  void fetch(long, long, long, long) const {}
};

namespace gemm_detail {

// ---------------------------------------------------------------------------------------- plan

// A packed block of A (rows × depth, 512 KB) shares the second-level cache with a group of packed
// panels of B (depth × group, 384 KB), whose panels (48 KB) pass through the first level. The deeper,
// the seldomer C is read and written. A group is as wide as makes packing read whole kilobytes of B's
// rows, not two lines of each page.
inline constexpr long block_bytes = 512 * 1024, group_bytes = 1024;
inline constexpr long packed_depth_bytes = 1536, direct_depth_bytes = 2048;

// Few rows stream through a large B once. Each of its rows is another page, and only a handful of
// them at a time keep their lines and translations until the next columns are wanted.
inline constexpr long few_rows = 24, page_bytes = 4096, few_pages = 16;

// An operand larger than these is worth packing, if the other side is large enough to repay it.
inline constexpr long large_a_bytes = 256 * 1024, large_b_bytes = 1024 * 1024;

constexpr long ceil_div(long x, long by) { return (x + by - 1) / by; }
constexpr long round_up(long x, long to) { return ceil_div(x, to) * to; }

// Rows of a panel of packed A: the tallest tile of two vectors; in memory, whole 16 bytes.
inline constexpr long panel_rows = tallest[1];
template <class T>
inline constexpr long panel_stride = round_up(panel_rows, 16 / sizeof(T));

template <class T>
inline constexpr long group_columns = group_bytes / sizeof(T);

// Columns of the panels of a group, in memory.
template <class T>
constexpr long b_columns(long columns) {
  return std::min(group_columns<T>, round_up(columns, 8 * simd<T>::lanes));
}

struct Plan {
  int log2;             // vectors of a panel of B, as a power of two
  bool pack_a, pack_b;  // partial panels of B are always packed where masks are not free
  long depth, rows;     // the block of K and of M
};

template <class T>
inline Plan plan(GemmShape s, long b_row, long b_col) {
  constexpr long L = simd<T>::lanes, bytes = sizeof(T);
  Plan p;
  p.log2 = s.N <= L ? 0 : s.M > tallest[2] ? 1 : s.M > tallest[3] ? 2 : 3;
  p.pack_a = s.N >= 256 && s.M >= panel_rows && s.M * s.K * bytes > large_a_bytes && p.log2 == 1;
  p.pack_b = (b_col != 1 && s.N > 1) || (s.M >= few_rows && s.K * b_row * bytes > large_b_bytes);
  long deepest = (p.pack_a ? packed_depth_bytes : direct_depth_bytes) / bytes;
  if (!p.pack_b && s.M < few_rows && b_row * bytes >= page_bytes) deepest = few_pages;
  p.depth = s.K <= deepest ? s.K : round_up(ceil_div(s.K, ceil_div(s.K, deepest)), 4);
  p.rows = p.pack_a ? block_bytes / bytes / p.depth / panel_rows * panel_rows : s.M;
  return p;
}

// The share of one thread: whole rows or whole vectors of columns, whichever leaves the slowest thread
// less to do, or else along the longer side of C. Where C is a few long rows, columns even for a fifth
// more: every thread reads the whole operand that is not split, and much of the long one would lie in
// another core's cache.
struct Share {
  long row, rows, column, columns;
};

template <class T>
inline Share share(long M, long N, int part, int parts) {
  if (parts == 1) return {0, M, 0, N};
  constexpr long L = simd<T>::lanes;
  const long vectors = ceil_div(N, L);
  const long by_rows = ceil_div(M, parts) * vectors, by_columns = ceil_div(vectors, parts) * M;
  const bool long_rows = M < few_rows && N >= 4 * M && 5 * by_columns <= 6 * by_rows;
  if (!long_rows && (by_rows < by_columns || (by_rows == by_columns && M > N))) {
    const long first = M * part / parts;
    return {first, M * (part + 1) / parts - first, 0, N};
  }
  const long first = std::min(N, vectors * part / parts * L);
  return {0, M, first, std::min(N, vectors * (part + 1) / parts * L) - first};
}

// ----------------------------------------------------------------------------------- gemm_rows

template <class T>
struct Strided {
  T* data;
  long row, column;
  T* at(long i, long j) const { return data + i * row + j * column; }
};

// Asks for rows of a few vectors to be in the second-level cache soon.
template <class T>
inline void fetch(const T* x, long step, long rows, long columns) {
  for (long i = 0; i < rows; ++i, x += step)
    for (long j = 0; j < columns; j += 64 / static_cast<long>(sizeof(T)))
      __builtin_prefetch(x + j, 0, 2);
}

// Numbers that are wanted later: their rows are asked for in equal portions, while others are multiplied.
template <class T>
struct Ahead {
  const T* from;
  long step, rows, columns;
  long portions;  // 0 if nothing is wanted
  long asked = 0;

  void ask() {
    if (asked >= portions) return;
    const long first = rows * asked / portions;
    ++asked;
    fetch(from + first * step, step, rows * asked / portions - first, columns);
  }
};

// The block of B from row k and column n on, along its stride of one.
template <class T>
Ahead<T> of_block(Strided<const T> B, long k, long n, long depth, long columns, long portions) {
  if (columns <= 0) return {};
  if (B.row == 1) return {B.at(k, n), B.column, columns, depth, portions};
  return {B.at(k, n), B.row, depth, columns, portions};
}

// Panels of panel_rows rows.
template <class T>
void pack_a(const T* a, long a_row, long a_col, long rows, long depth, T* packed) {
  for (long m = 0; m < rows; m += panel_rows, packed += panel_stride<T> * depth)
    pack<T, 16>(a + m * a_row, a_row, a_col, std::min(panel_rows, rows - m), depth, packed,
                panel_stride<T>);
}

// A group of panels of `width` columns. From row-major B a few rows at a time, so that each page
// is visited once for the whole group; from transposed B panel by panel, which is along its rows.
template <class T>
void pack_b(const T* b, long b_row, long b_col, long columns, long depth, T* packed, long width) {
  const long slice = b_row == 1 ? depth : 4;
  for (long k = 0; k < depth; k += slice)
    for (long n = 0; n < columns; n += width)
      pack<T, vector_bytes>(b + k * b_row + n * b_col, b_col, b_row, std::min(width, columns - n),
                            std::min(slice, depth - k), packed + n * depth + k * width, width);
}

// A tile of C without unit stride, by way of a dense copy.
template <class T>
[[gnu::noinline]] void scattered_tile(Tile<T> run, long rows, long depth, const T* a, long a_row,
                                      long a_col, const T* b, long b_row, Strided<T> c,
                                      long columns, bool from_c) {
  constexpr long width = 8 * simd<T>::lanes;
  T dense[tallest[0] * width];
  if (from_c)
    for (long i = 0; i < rows; ++i)
      for (long j = 0; j < columns; ++j) dense[i * width + j] = *c.at(i, j);
  run(depth, a, a_row, a_col, b, b_row, dense, width, columns, from_c);
  for (long i = 0; i < rows; ++i)
    for (long j = 0; j < columns; ++j) *c.at(i, j) = dense[i * width + j];
}

// Rows of a rectangle that is handed to the epilogue, at most; with its group of columns it leaves
// most of the second-level cache to what the epilogue reads beside it.
inline constexpr long epilogue_rows = 8 * panel_rows;

template <class T, class Epilogue>
void gemm_rows(GemmShape shape, Strided<const T> A, Strided<const T> B, Strided<T> C,
               int part, int parts, void* scratch, Epilogue epilogue) {
  constexpr long L = simd<T>::lanes;
  constexpr bool has_epilogue = !std::is_same_v<Epilogue, NoEpilogue>;
  const auto [row, rows, column, columns] = share<T>(shape.M, shape.N, part, parts);
  if (rows == 0 || columns == 0) return;
  const Plan p = plan<T>({rows, columns, shape.K}, B.row, B.column);
  const bool dense = C.column == 1 || columns == 1;
  T* const b_panels = reinterpret_cast<T*>((reinterpret_cast<std::uintptr_t>(scratch) + 63) & ~63);
  T* const a_panels = b_panels + b_columns<T>(columns) * p.depth;
  const long a_rows = p.pack_a ? std::min(p.rows, round_up(rows, panel_rows)) : 0;
  T* const passing = a_panels + a_rows / panel_rows * panel_stride<T> * p.depth;
  const bool passes = epilogue.takes_all() && p.depth >= shape.K;

  long k = 0;
  do {  // once even if K is 0
    const long depth = std::min(p.depth, shape.K - k);
    const bool from_c = k > 0, finished = k + depth == shape.K;

    for (long m0 = row; m0 < row + rows; m0 += p.rows) {
      const long block = std::min(p.rows, row + rows - m0);
      if (p.pack_a) pack_a(A.at(m0, k), A.row, A.column, block, depth, a_panels);

      for (long n0 = column; n0 < column + columns; n0 += group_columns<T>) {
        const long group = std::min(group_columns<T>, column + columns - n0), panel = L << p.log2;
        if (p.pack_b) pack_b(B.at(k, n0), B.row, B.column, group, depth, b_panels, panel);
        // Later numbers come while these are multiplied: here the group that is packed next.
        Ahead<T> ahead{};
        if (p.pack_b) {
          const bool more = n0 + group < column + columns, last_rows = m0 + block == row + rows;
          const long next_n = more ? n0 + group : column, next_k = more || !last_rows ? k : k + depth;
          const long across = std::min(group_columns<T>, column + columns - next_n);
          const long along = std::min(p.depth, shape.K - next_k);
          if (along > 0)
            ahead = of_block(B, next_k, next_n, along, across,
                             ceil_div(group, panel) * ceil_div(block, tallest[p.log2]));
        }

        const long stride = has_epilogue ? epilogue_rows : block;
        for (long first = 0; first < block; first += stride) {
          const long last = std::min(block, first + stride);
          // C from row m0 + first and column n0 on, or the room that it only passes.
          const Strided<T> target =
              passes ? Strided<T>{passing, group, 1} : Strided<T>{C.at(m0 + first, n0), C.row, C.column};

          for (long n = 0; n < group;) {
            int log2 = p.log2;  // halved until only the last vector is partial
            while (log2 > 0 && group - n <= (L << log2) - L) --log2;
            const long width = std::min(L << log2, group - n);
            const T* b = B.at(k, n0 + n);
            long b_row = B.row;
            if (p.pack_b) {
              const long within = n & (panel - 1);
              b = b_panels + (n - within) * depth + within;
              b_row = panel;
            } else if (!masks_are_free && width < L << log2) {
              b_row = L << log2;
              pack<T, vector_bytes>(b, B.column, B.row, width, depth, b_panels, b_row);
              b = b_panels;
            }

            // Packed panels are all as tall as can be but the last; otherwise tiles are of nearly
            // equal height, since a flat one cannot cover the latency of its multiply-adds.
            const long tall = p.pack_a ? panel_rows : tallest[log2];
            long tiles_left = last - first <= tall ? 1 : ceil_div(last - first, tall);
            if (!p.pack_b && rows >= few_rows && m0 == row) {  // the next panel of B
              const long left = column + columns - (n0 + n + width);
              ahead = of_block(B, k, n0 + n + width, depth, std::min(left, L << log2),
                               ceil_div(block, tall));
            }
            for (long m = first, height; m < last; m += height, --tiles_left) {
              height = last - m;
              if (tiles_left > 1) height = p.pack_a ? tall : ceil_div(height, tiles_left);
              const Strided<T> c{target.at(m - first, n), target.row, target.column};
              Strided<const T> a{A.at(m0 + m, k), A.row, A.column};
              if (p.pack_a)
                a = {a_panels + m / panel_rows * panel_stride<T> * depth, 1, panel_stride<T>};
              const Tile<T> run = tiles<T>.of[log2][height - 1];
              ahead.ask();
              if (finished) epilogue.fetch(m0 + m, m0 + m + height, n0 + n, n0 + n + width);
              if (dense) {
                if (p.pack_a && !passes)  // C is large too: fetch the next tile of it
                  for (long i = height; i < std::min(2 * height, last - m); ++i) {
                    __builtin_prefetch(c.at(i, 0), 1);
                    __builtin_prefetch(c.at(i, width - 1), 1);
                  }
                run(depth, a.data, a.row, a.column, b, b_row, c.data, c.row, width, from_c);
              } else {
                scattered_tile<T>(run, height, depth, a.data, a.row, a.column, b, b_row, c, width,
                                  from_c);
              }
            }
            n += width;
          }
          if (finished)
            epilogue(target.data, target.row, m0 + first, m0 + last, n0, n0 + group);
        }
      }
    }
    k += depth;
  } while (k < shape.K);
}

// The products of a tiny network are one tile each, and there the planning above would take longer
// than the sums.
inline constexpr long tiny_depth = 64;

template <class T>
inline bool is_one_tile(GemmShape s) {
  return s.M > 0 && s.M <= tallest[0] && s.N > 0 && s.N <= simd<T>::lanes && s.K <= tiny_depth;
}

template <class T, class Epilogue>
inline void one_tile(GemmShape s, const T* a, long a_row, long a_col, const T* b, long b_row,
                     long b_col, T* c, long c_row, void* scratch, Epilogue epilogue) {
  T* room = static_cast<T*>(scratch);
  if ((b_col != 1 && s.N > 1) || (!masks_are_free && s.N < simd<T>::lanes)) {
    pack<T, vector_bytes>(b, b_col, b_row, s.N, s.K, room, simd<T>::lanes);
    b = room;
    b_row = simd<T>::lanes;
    room += simd<T>::lanes * s.K;
  }
  if (epilogue.takes_all()) {
    c = room;
    c_row = s.N;
  }
  tiles<T>.of[0][s.M - 1](s.K, a, a_row, a_col, b, b_row, c, c_row, s.N, false);
  epilogue(c, c_row, 0, s.M, 0, s.N);
}

}  // namespace gemm_detail

// ---------------------------------------------------------------------------------------- gemm

// Whether C has its unit stride along a column.
inline bool spans_columns(long N, long c_row, long c_col) {
  return c_row == 1 && (c_col != 1 || N == 1);
}

// Bytes of scratch that one caller (one thread) needs for any part, aligned for T or better.
template <class T>
inline std::size_t gemm_scratch(long M, long N, long K, long c_row, long c_col) {
  using namespace gemm_detail;
  if (spans_columns(N, c_row, c_col)) std::swap(M, N);
  const long bytes = sizeof(T);
  const long direct = std::min(K + 4, direct_depth_bytes / bytes);
  const long packed = std::min(K + 4, packed_depth_bytes / bytes);
  const long b_panels = b_columns<T>(N) * direct;
  const long a_panels = std::min(round_up(M, panel_rows) * packed, block_bytes / bytes) /
                        panel_rows * panel_stride<T>;
  const long passing = std::min(M, epilogue_rows) * std::min(N, group_columns<T>);
  return static_cast<std::size_t>((b_panels + a_panels + passing) * bytes + 128);
}

// C[m,n] = Σ_k A[m,k]·B[k,n]; C is M × N and overlaps neither A nor B.
//
// Strides count elements and may be anything; fast is a unit stride in one direction of each. This
// call computes share `part` of `parts` (rows or columns of C, never a part of a sum); the parts
// may run at the same time, each with its own scratch.
//
// epilogue(c, step, row0, row1, column0, column1) is called once for each of the rectangles that
// make up this part of C, when its numbers are finished and in the second-level cache; they stand at
// c, with unit stride along a row. Where epilogue.takes_all(), C itself may stay unwritten: nobody
// reads it afterwards. Shortly before, epilogue.fetch(row0, row1, column0, column1) may ask memory for
// what it reads besides. An epilogue asks for unit stride along the rows of C.
template <class T, class Epilogue = NoEpilogue>
void gemm(long M, long N, long K, const T* A, long a_row, long a_col, const T* B, long b_row,
          long b_col, T* C, long c_row, long c_col, int part, int parts, void* scratch,
          Epilogue epilogue = {}) {
  using namespace gemm_detail;
  constexpr bool has_epilogue = !std::is_same_v<Epilogue, NoEpilogue>;
  if (parts == 1 && is_one_tile<T>({M, N, K}) && (c_col == 1 || N == 1))
    one_tile(GemmShape{M, N, K}, A, a_row, a_col, B, b_row, b_col, C, c_row, scratch, epilogue);
  else if (!has_epilogue && spans_columns(N, c_row, c_col))  // Cᵀ = Bᵀ·Aᵀ has unit stride along a row
    gemm_rows<T>({N, M, K}, {B, b_col, b_row}, {A, a_col, a_row}, {C, c_col, c_row}, part, parts,
                 scratch, NoEpilogue{});
  else
    gemm_rows<T>({M, N, K}, {A, a_row, a_col}, {B, b_row, b_col}, {C, c_row, c_col}, part, parts,
                 scratch, epilogue);
}

}  // namespace GRADUS_TARGET
}  // namespace gradus
