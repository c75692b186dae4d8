// What an instruction is, and what a target gives: instructions made from plain numbers, once, which
// know the addresses of all they touch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

enum class DType : std::int64_t { boolean, u32, i32, i64, f32, f64 };

inline std::size_t size_of(DType t) {
  switch (t) {
    case DType::boolean:
      return 1;
    case DType::u32:
    case DType::i32:
    case DType::f32:
      return 4;
    default:
      return 8;
  }
}

// A position outside an axis: the one error that only running shows.
struct IndexError : std::runtime_error {
  std::int64_t length, position;
  IndexError(std::int64_t n, std::int64_t i)
      : std::runtime_error("position outside its axis"), length(n), position(i) {}
};

// Reads the numbers of one instruction in order.
class Reader {
 public:
  explicit Reader(const std::vector<std::int64_t>& numbers) : numbers_(numbers) {}
  std::int64_t next() { return numbers_.at(at_++); }
  DType dtype() { return static_cast<DType>(next()); }
  std::vector<std::int64_t> list() {
    std::vector<std::int64_t> found(static_cast<std::size_t>(next()));
    for (auto& x : found) x = next();
    return found;
  }

 private:
  const std::vector<std::int64_t>& numbers_;
  std::size_t at_ = 0;
};

// One prepared instruction. `part` of `parts` is this thread's share; an instruction that is not
// worth sharing says so by `parallel`, and then only part 0 is called.
class Instruction {
 public:
  virtual ~Instruction() = default;
  virtual void run(int part, int parts, char* scratch) const = 0;
  virtual bool parallel() const { return false; }
  // Told once what scratch part 0 of 1 will be given: small instructions work their addresses out.
  virtual void prepare(char*) {}
  virtual std::size_t scratch_bytes() const { return 0; }
};

// One target's kernels.
struct Backend {
  const char* name;
  std::unique_ptr<Instruction> (*make)(const std::vector<std::int64_t>& numbers, char* arena);
  // Number of an elementwise operation, or -1: opcode("tanh").
  int (*opcode)(std::string_view name);
  // A rows × columns matrix of numbers of so many bytes, transposed.
  void (*transpose)(char* to, const char* from, long rows, long columns, std::size_t size);
  // Whether all numbers are finite.
  bool (*finite_floats)(const float* x, std::size_t n);
  bool (*finite_doubles)(const double* x, std::size_t n);
  // Blocks [first, last) of the `count` random words at (seed, step, site).
  void (*random_bits)(std::uint32_t* words, long first, long last, long count, std::uint64_t seed,
                      std::uint64_t step, std::uint32_t site);
};

}  // namespace gradus
