// One target's backend. This file is compiled once for each target, with its own GRADUS_TARGET.
#include "chain.hpp"
#include "movement.hpp"
#include "product.hpp"
#include "program.hpp"

#define GRADUS_TEXT_(x) #x
#define GRADUS_TEXT(x) GRADUS_TEXT_(x)
#define GRADUS_JOIN_(a, b) a##b
#define GRADUS_JOIN(a, b) GRADUS_JOIN_(a, b)

namespace gradus {

namespace GRADUS_TARGET {

// The order of the kinds is that of _KINDS in src/gradus/compiler/native/lower.py.
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

}  // namespace GRADUS_TARGET

extern const Backend GRADUS_JOIN(backend_, GRADUS_TARGET);
const Backend GRADUS_JOIN(backend_, GRADUS_TARGET){GRADUS_TEXT(GRADUS_TARGET),
                                                   GRADUS_TARGET::make, GRADUS_TARGET::opcode};

}  // namespace gradus
