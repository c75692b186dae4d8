// One target's backend. This file is compiled once for each target, with its own GRADUS_TARGET.
#include "chain.hpp"
#include "finite.hpp"
#include "movement.hpp"
#include "product.hpp"
#include "instruction.hpp"
#include "reduce.hpp"

#define GRADUS_TEXT_(x) #x
#define GRADUS_TEXT(x) GRADUS_TEXT_(x)
#define GRADUS_JOIN_(a, b) a##b
#define GRADUS_JOIN(a, b) GRADUS_JOIN_(a, b)

namespace gradus {

namespace GRADUS_TARGET {

// The order of the kinds is that of KINDS in src/gradus/compiler/native/instructions.py.
static std::unique_ptr<Instruction> make(const std::vector<std::int64_t>& numbers, char* arena) {
  Reader r(numbers);
  switch (r.next()) {
    case 0:
      return std::make_unique<Chain>(r, arena);
    case 1:
      return std::make_unique<Product>(r, arena);
    case 2:
      return std::make_unique<Copy>(r, arena);
    case 3:
      return std::make_unique<Fill>(r, arena);
    case 4:
      return std::make_unique<Reduce>(r, arena);
    case 5:
      return std::make_unique<RunningSum>(r, arena);
    case 6:
      return std::make_unique<Positions>(r, arena);
    case 7:
      return std::make_unique<Fold>(r, arena);
    case 8:
      return std::make_unique<RandomBits>(r, arena);
    default:
      throw std::invalid_argument("unknown instruction");
  }
}

template <class T>
static void transpose(T* to, const T* from, long rows, long columns) {
  constexpr long L = simd<T>::lanes, piece = 64;
  const long whole = columns < 16 / static_cast<long>(sizeof(T)) ? 0 : rows / L * L;
  for (long j = 0; whole && j < columns; j += piece) {  // in pieces, so that pages are visited together
    const long first = std::min(j, columns - std::min(columns, 4L)), depth = std::min(j + piece, columns) - first;
    for (long i = 0; i < whole; i += L)
      gemm_detail::pack<T, vector_bytes>(from + i * columns + first, columns, 1, L, depth,
                                         to + first * rows + i, rows);
  }
  for (long i = whole; i < rows; ++i)
    for (long j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
}

static void transpose_bytes(char* to, const char* from, long rows, long columns,
                            std::size_t size) {
  by_size(size, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (sizeof(T) == 4) {
      transpose(reinterpret_cast<float*>(to), reinterpret_cast<const float*>(from), rows, columns);
    } else if constexpr (sizeof(T) == 8) {
      transpose(reinterpret_cast<double*>(to), reinterpret_cast<const double*>(from), rows, columns);
    } else {
      static_assert(sizeof(T) == 1);
      for (long i = 0; i < rows; ++i)
        for (long j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
    }
  });
}

}  // namespace GRADUS_TARGET

extern const Backend GRADUS_JOIN(backend_, GRADUS_TARGET);
const Backend GRADUS_JOIN(backend_, GRADUS_TARGET){
    GRADUS_TEXT(GRADUS_TARGET), GRADUS_TARGET::make, GRADUS_TARGET::opcode,
    GRADUS_TARGET::transpose_bytes,
    GRADUS_TARGET::finite<float, std::uint32_t>, GRADUS_TARGET::finite<double, std::uint64_t>,
    GRADUS_TARGET::random_bits};

}  // namespace gradus
