// Elementwise chains: many operations on one block of numbers before the next block is touched.
//
// A chain is a little program over registers. A register is a block of an input, of a result, or of
// scratch memory that stays in the first-level cache. Operands are dense, a row that repeats, a
// column that repeats, or a single number. Common chains are compiled whole (fused.hpp); the others
// call one kernel an operation.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "fused.hpp"
#include "operations.hpp"
#include "instruction.hpp"

namespace gradus {
namespace GRADUS_TARGET {

// A rectangle of a product in the making: numbers that a chain reads instead of an input.
struct Panel {
  char* data = nullptr;
  std::size_t input = 0;       // the input that it stands for
  long row = 0;                // step from row to row, in numbers
  long row0 = 0, column0 = 0;  // the rectangle's place
};

class Chain final : public Instruction {
 public:
  static constexpr long block = 512;            // numbers a register holds
  static constexpr std::size_t slot = 8 * 576;  // bytes of a register, with room for a vector more
  static constexpr long narrow = 128;           // rows up to this long are joined into blocks
  static constexpr std::size_t most_registers = 256;

  // Inputs (dtype), operations (opcode, from, to, a, b, c, target), targets being scratch slots (≥ 0)
  // or results (−1 − k), results (dtype); then the segments on which all this is done, each with
  // rows, columns, inputs (offset, row step, column step) and results (offset).
  Chain(Reader& r, char* arena) {
    for (auto n = r.next(); n > 0; --n) input_dtypes_.push_back(r.dtype());
    FormKey key{input_dtypes_, {}};
    for (auto n = r.next(); n > 0; --n) {
      Step s;
      const auto code = r.next();
      const std::string name = operation_names[code];
      const auto from = r.dtype();
      const auto to = r.dtype();
      s.kernel = kernel_of(name, from, to);
      if (!s.kernel) throw std::invalid_argument("no native kernel for " + name);
      s.size = size_of(to);
      for (auto& o : s.operand) o = r.next();
      s.target = r.next();
      slots_ = std::max(slots_, s.target + 1);
      steps_.push_back(s);
      key.numbers.insert(key.numbers.end(), {code, static_cast<std::int64_t>(from),
                                             static_cast<std::int64_t>(to), s.operand[0],
                                             s.operand[1], s.operand[2], std::min(s.target, 0L)});
    }
    std::vector<std::size_t> result_sizes;
    for (auto n = r.next(); n > 0; --n) result_sizes.push_back(size_of(r.dtype()));
    for (auto n = r.next(); n > 0; --n) {
      Segment g;
      g.rows = r.next();
      g.columns = r.next();
      for (auto dtype : input_dtypes_) {
        Input in;
        in.size = size_of(dtype);
        in.base = arena + r.next();
        in.row = r.next();
        in.column = r.next();
        g.inputs.push_back(in);
      }
      for (auto size : result_sizes) g.results.push_back({arena + r.next(), size});
      work_ += g.rows * g.columns;
      segments_.push_back(std::move(g));
    }
    work_ *= static_cast<long>(steps_.size());
    fused_ = find_fused(key);
  }

  bool parallel() const override { return work_ > 1 << 18; }

  std::size_t scratch_bytes() const override {
    return slot * (static_cast<std::size_t>(slots_) + input_dtypes_.size()) + 64;
  }

  void prepare(char* scratch) override {
    if (parallel()) return;
    ready_.clear();
    for (const auto& g : segments_)
      if (fits(g)) ready_.push_back(ready(g, scratch, {}));
    if (ready_.size() != segments_.size()) ready_.clear();
  }

  // The same for a chain inside a product that gives all its numbers at once; false if it cannot.
  bool prepare_on(const Panel& panel, char* scratch) {
    if (!fits(segments_[0])) return false;
    ready_ = {ready(segments_[0], scratch, panel)};
    return true;
  }
  void run_ready() const {
    for (std::size_t k = 0; k < ready_.size(); ++k) run_ready(segments_[k], ready_[k]);
  }

  // Shares are whole rows, or for one long row multiples of a block: no number depends on them.
  void run(int part, int parts, char* scratch) const override {
    if (!ready_.empty()) return run_ready();
    for (const auto& g : segments_) {
      if (g.rows > 1) {
        run_rectangle(g, g.rows * part / parts, g.rows * (part + 1) / parts, 0, g.columns, scratch,
                      {});
      } else {
        const long blocks = (g.columns + block - 1) / block;
        run_rectangle(g, 0, 1, blocks * part / parts * block,
                      std::min(g.columns, blocks * (part + 1) / parts * block), scratch, {});
      }
    }
  }

  // The only segment as far as a panel goes, up to row1 and column1, with its numbers for an input.
  void run_on(const Panel& panel, long row1, long column1, char* scratch) const {
    run_rectangle(segments_[0], panel.row0, row1, panel.column0, column1, scratch, panel);
  }

  // Asks for what a rectangle of the only segment reads, but one input, to be in cache soon.
  void fetch(std::size_t but, long row0, long row1, long column0, long column1) const {
    const auto& inputs = segments_[0].inputs;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const auto& in = inputs[k];
      if (k == but || !in.row || !in.column) continue;
      const auto size = static_cast<long>(in.size);
      for (long row = row0; row < row1; ++row) {
        const char* const start = in.base + (row * in.row + column0) * size;
        for (long i = 0; i < (column1 - column0) * size; i += 64) __builtin_prefetch(start + i, 0, 2);
      }
    }
  }

 private:
  struct Input {
    std::size_t size;
    char* base;
    long row, column;  // steps in numbers
  };
  struct Step {
    Kernel kernel;
    std::size_t size;   // bytes of a number of the result
    long operand[3];    // registers: the inputs, then the steps before this one
    long target;        // a scratch slot, or −1 − number of a result
  };
  struct Result {
    char* base;
    std::size_t size;
  };
  struct Segment {
    long rows, columns;
    std::vector<Input> inputs;
    std::vector<Result> results;
  };

  // A segment that is one block: its registers stand, but for what is spread out anew each time.
  struct Spread {
    char* room;
    const char* source;
    long rows, step, bytes;  // from row to row and of a row; no rows: a single number
    std::size_t size;
  };
  struct Ready {
    std::vector<Register> registers;
    std::vector<char*> results;
    std::vector<Spread> spreads;
    char* scratch;
  };

  bool fits(const Segment& g) const {
    const long n = g.rows * g.columns;
    return n > 0 && n <= block;
  }

  Ready ready(const Segment& g, char* scratch, const Panel& panel) const {
    Ready made;
    made.scratch = scratch;
    made.registers.resize(g.inputs.size() + steps_.size());
    for (std::size_t k = 0; k < g.inputs.size(); ++k) {
      const auto& in = g.inputs[k];
      const auto size = static_cast<long>(in.size);
      char* const room = scratch + slot * (static_cast<std::size_t>(slots_) + k);
      char* const start = address(in, k, 0, 0, panel);
      const long step = panel.data && k == panel.input ? panel.row : in.row;
      if (is_number(in)) {
        made.spreads.push_back({room, start, 0, 0, 0, in.size});
        made.registers[k] = {room, 0};
      } else if (in.column && (step == g.columns || g.rows == 1)) {
        made.registers[k] = {start, 1};
      } else {
        made.spreads.push_back({room, start, g.rows, step * size, g.columns * size,
                                in.column ? 0 : in.size});
        made.registers[k] = {room, 1};
      }
    }
    for (const auto& r : g.results) made.results.push_back(r.base);
    return made;
  }

  void run_ready(const Segment& g, const Ready& made) const {
    for (const auto& s : made.spreads) {
      if (s.rows == 0)
        fill(s.room, s.source, s.size, 64 / s.size);
      else if (s.size)
        spread(s.room, s.source, s.step, s.rows, g.columns, s.size);
      else
        for (long i = 0; i < s.rows; ++i)
          copy(s.room + i * s.bytes, s.source + i * s.step, s.bytes);
    }
    if (fused_) return fused_(made.registers.data(), made.results.data(), g.rows * g.columns);
    Register registers[most_registers];
    std::copy(made.registers.begin(), made.registers.end(), registers);
    run_steps(g, registers, 0, g.rows * g.columns, made.scratch);
  }

  void run_rectangle(const Segment& g, long row0, long row1, long column0, long column1,
                     char* scratch, const Panel& panel) const {
    if (row0 >= row1 || column0 >= column1) return;
    Register registers[most_registers];
    char* const rooms = scratch + slot * static_cast<std::size_t>(slots_);
    for (std::size_t k = 0; k < g.inputs.size(); ++k)
      if (is_number(g.inputs[k]))
        registers[k] = {fill(rooms + k * slot, g.inputs[k].base, g.inputs[k].size,
                             64 / g.inputs[k].size), 0};
    const long columns = column1 - column0;
    if (row1 - row0 > 1 && columns == g.columns && columns <= narrow) {
      const long per_block = std::max(1L, block / columns);
      for (long row = row0; row < row1; row += per_block)
        run_joined(g, row, std::min(per_block, row1 - row), row == row0, registers, scratch, panel);
    } else {
      for (long row = row0; row < row1; ++row)
        run_row(g, row, column0, column1, registers, scratch, panel);
    }
  }

  static bool is_number(const Input& in) { return !in.row && !in.column; }

  static char* address(const Input& in, std::size_t k, long row, long column, const Panel& panel) {
    const auto size = static_cast<long>(in.size);
    if (panel.data && k == panel.input)
      return panel.data + ((row - panel.row0) * panel.row + column - panel.column0) * size;
    return in.base + (row * in.row + column * in.column) * size;
  }

  // Numbers [first, last) of one row.
  void run_row(const Segment& g, long row, long first, long last, Register* registers,
               char* scratch, const Panel& panel) const {
    char* const rooms = scratch + slot * static_cast<std::size_t>(slots_);
    for (std::size_t k = 0; k < g.inputs.size(); ++k) {
      const auto& in = g.inputs[k];
      if (is_number(in)) continue;
      char* const start = address(in, k, row, first, panel);
      if (in.column)
        registers[k] = {start, 1};
      else
        registers[k] = {fill(rooms + k * slot, start, in.size, 64 / in.size), 0};
    }
    // What is compiled whole keeps nothing between its operations, so that blocks can be long.
    const long most = fused_ ? last - first : block;
    for (long at = first; at < last; at += most) {
      const long n = std::min(most, last - at);
      run_steps(g, registers, row * g.columns + at, n, scratch);
      for (std::size_t k = 0; k < g.inputs.size(); ++k)
        if (registers[k].step) registers[k].p += n * static_cast<long>(g.inputs[k].size);
    }
  }

  // Several short rows as one block. What repeats is spread out first; rows that repeat only once.
  void run_joined(const Segment& g, long row, long rows, bool first, Register* registers,
                  char* scratch, const Panel& panel) const {
    char* const rooms = scratch + slot * static_cast<std::size_t>(slots_);
    for (std::size_t k = 0; k < g.inputs.size(); ++k) {
      const auto& in = g.inputs[k];
      if (is_number(in)) continue;
      const auto size = static_cast<long>(in.size);
      char* const start = address(in, k, row, 0, panel);
      char* const room = rooms + k * slot;
      const long step = panel.data && k == panel.input ? panel.row : in.row;
      if (in.column && step == g.columns) {
        registers[k] = {start, 1};
        continue;
      }
      if (first || step) {
        const long bytes = g.columns * size;
        if (in.column)
          for (long i = 0; i < rows; ++i) copy(room + i * bytes, start + i * step * size, bytes);
        else
          spread(room, start, step * size, rows, g.columns, in.size);
      }
      registers[k] = {room, 1};
    }
    run_steps(g, registers, row * g.columns, rows * g.columns, scratch);
  }

  // All operations on one block of n numbers, whose place in the results is `at`.
  void run_steps(const Segment& g, Register* registers, long at, long n, char* scratch) const {
    if (fused_) {
      char* results[most_registers];
      for (std::size_t k = 0; k < g.results.size(); ++k)
        results[k] = g.results[k].base + at * static_cast<long>(g.results[k].size);
      fused_(registers, results, n);
      return;
    }
    Register* made = registers + g.inputs.size();
    for (const auto& s : steps_) {
      char* target = s.target >= 0 ? scratch + slot * static_cast<std::size_t>(s.target)
                                   : g.results[static_cast<std::size_t>(-1 - s.target)].base +
                                         at * static_cast<long>(s.size);
      const auto &a = registers[s.operand[0]], &b = registers[s.operand[1]],
                 &c = registers[s.operand[2]];
      s.kernel(target, a.p, a.step, b.p, b.step, c.p, c.step, n);
      *made++ = {target, 1};
    }
  }

  // Whole vectors: what is written beyond the end the next row covers, or the room's margin holds.
  static void copy(char* target, const char* source, long bytes) {
    for (long i = 0; i < bytes; i += vector_bytes)
      store(reinterpret_cast<float*>(target + i), load(reinterpret_cast<const float*>(source + i)));
  }

  // A number for each row, `step` bytes from one to the next, as rows of copies.
  static void spread(char* target, const char* numbers, long step, long rows, long columns,
                     std::size_t size) {
    if (size != 4) {
      for (long i = 0; i < rows; ++i, numbers += step, target += columns * static_cast<long>(size))
        fill(target, numbers, size, static_cast<std::size_t>(columns));
      return;
    }
    auto* to = reinterpret_cast<float*>(target);
    for (long i = 0; i < rows; ++i, numbers += step, to += columns) {
      float x;
      std::memcpy(&x, numbers, 4);
      const f32v v = splat(x);
      for (long j = 0; j < columns; j += simd<float>::lanes) store(to + j, v);
    }
  }

  // n copies of one number.
  static char* fill(char* target, const char* number, std::size_t size, std::size_t n) {
    switch (size) {
      case 1:
        std::memset(target, *reinterpret_cast<const unsigned char*>(number), n);
        break;
      case 4: {
        float x;
        std::memcpy(&x, number, 4);
        const f32v v = splat(x);
        for (std::size_t i = 0; i < n; i += simd<float>::lanes)
          store(reinterpret_cast<float*>(target) + i, v);
        break;
      }
      default: {
        std::uint64_t x;
        std::memcpy(&x, number, 8);
        std::fill_n(reinterpret_cast<std::uint64_t*>(target), n, x);
      }
    }
    return target;
  }

  long slots_ = 0, work_ = 0;
  std::vector<DType> input_dtypes_;
  std::vector<Step> steps_;
  std::vector<Segment> segments_;
  Fused fused_ = nullptr;
  std::vector<Ready> ready_;
};

}  // namespace GRADUS_TARGET
}  // namespace gradus
