// A program: instructions that run in their order, once, or step after step without Python.
//
// Everything it touches lies in one arena: inputs are copied in, results copied out, and between them
// every instruction knows its addresses. Python plans (gradus.compiler.native); here is only what runs.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "float_mode.hpp"
#include "instruction.hpp"
#include "memory.hpp"
#include "threads.hpp"

namespace gradus {

namespace nb = nanobind;

using Input = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::c_contig, nb::device::cpu>;

// An array, where its numbers lie in the arena, and whether they lie there transposed.
template <class Array>
using Placed = std::tuple<std::size_t, bool, Array>;

// An array with one item for each step, and where a step has its item in the arena.
template <class Array>
using Sequence = std::pair<std::size_t, Array>;

// When to ask whether to stop: every 20 milliseconds or so. Not every step looks at the clock, which
// takes as long as a twentieth of a very small one.
class Pace {
 public:
  bool asks(std::size_t done) {
    if (done < next_) return false;
    const auto now = Clock::now();
    const auto since = now - looked_;
    if (since < std::chrono::milliseconds(1)) stride_ *= 2;
    if (since > std::chrono::milliseconds(4)) stride_ = std::max<std::size_t>(stride_ / 2, 1);
    looked_ = now;
    next_ = done + stride_;
    return now - asked_ > std::chrono::milliseconds(20);
  }
  void asked() { asked_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point looked_ = Clock::now() - std::chrono::hours(1), asked_ = looked_;
  std::size_t next_ = 0, stride_ = 1;
};

class Program {
 public:
  Program(const std::vector<std::vector<std::int64_t>>& instructions, std::size_t bytes,
          const Backend& backend, int threads)
      : backend_(backend), threads_(threads), arena_(bytes) {
    for (auto& numbers : instructions) {
      instructions_.push_back(backend_.make(numbers, arena_.data()));
      scratch_bytes_ = std::max(scratch_bytes_, instructions_.back()->scratch_bytes());
      shares_ = shares_ || (threads_ > 1 && instructions_.back()->parallel());
    }
    scratch_bytes_ = (scratch_bytes_ + Memory::padding + 63) / 64 * 64;
    scratch_.emplace(scratch_bytes_ * static_cast<std::size_t>(threads_));
    for (auto& i : instructions_) i->prepare(scratch_->data());
    living_.insert(this);
  }
  ~Program() { living_.erase(this); }
  Program(const Program&) = delete;

  // In a child process nobody runs what another thread of the parent was running. Every call writes
  // its inputs before anything else, so what that thread left half done does no harm.
  static void after_fork() {
    for (auto* program : living_) {
      new (&program->busy_) std::mutex;
      program->holder_ = std::thread::id{};
    }
  }

  // Before the first run: what stays the same in all of them.
  void write(std::size_t offset, const Input& array) { put({offset, false, array}); }

  void run(const std::vector<Placed<Input>>& inputs, const std::vector<Placed<Output>>& outputs) {
    nb::gil_scoped_release release;
    const Holder holder(*this);
    Crew::Member member;
    for (auto& i : inputs) put(i);
    auto threads = turn();
    once(threads ? &*threads : nullptr);
    for (auto& o : outputs) get(o);
  }

  // Takes up to `order.shape(0)` steps; see gradus.compiler.executor.Program.steps.
  //   given: what the first step finds, and results: what the last one leaves
  //   carried: (input, output, bytes): what a step leaves in the output is the next one's input
  //   data: an input, and the array whose rows it gathers
  //   watch: a float output that must stay finite
  std::size_t steps(const std::vector<Placed<Input>>& given,
                    const std::vector<std::array<std::size_t, 3>>& carried,
                    const std::vector<std::pair<std::size_t, Input>>& data,
                    const nb::ndarray<const std::int64_t, nb::ndim<2>, nb::c_contig>& order,
                    const std::vector<Sequence<Input>>& per_step,
                    const std::vector<Sequence<Output>>& records,
                    const std::vector<Placed<Output>>& results, std::size_t watch,
                    std::size_t watch_bytes, nb::callable stop) {
    nb::gil_scoped_release release;
    const Holder holder(*this);
    Crew::Member member;
    const std::size_t count = order.shape(0), batch = order.shape(1);
    char* const arena = arena_.data();
    std::vector<Table> tables;
    for (auto& [at, array] : data)
      tables.push_back({arena + at, static_cast<const char*>(array.data()),
                        array.shape(0) ? array.nbytes() / array.shape(0) : 0});
    for (auto& g : given) put(g);
    std::size_t done = 0;
    {
      const FloatMode mode(FloatMode::without_subnormals());
      Pace pace;
      for (; done < count; ++done) {
        if (pace.asks(done)) {
          nb::gil_scoped_acquire acquire;
          const FloatMode callers(mode.before());
          if (PyErr_CheckSignals() != 0) throw nb::python_error();
          const int ends = PyObject_IsTrue(stop(done).ptr());
          if (ends < 0) throw nb::python_error();
          if (ends) break;
          pace.asked();
        }
        const std::int64_t* rows = order.data() + done * batch;
        auto threads = turn();
        gather(tables, rows, batch, threads ? &*threads : nullptr);
        for (auto& [at, array] : per_step) {
          const std::size_t bytes = array.nbytes() / count;
          std::memcpy(arena + at, static_cast<const char*>(array.data()) + done * bytes, bytes);
        }
        once(threads ? &*threads : nullptr);
        for (auto& [at, array] : records) {
          const std::size_t bytes = array.nbytes() / count;
          std::memcpy(static_cast<char*>(array.data()) + done * bytes, arena + at, bytes);
        }
        for (auto& [in, out, bytes] : carried)
          if (in != out) std::memcpy(arena + in, arena + out, bytes);
        if (!finite(arena + watch, watch_bytes)) {
          ++done;
          break;
        }
      }
    }
    for (auto& r : results) get(r);
    return done;
  }

  std::string target() const { return backend_.name; }

  // Nanoseconds of each instruction, the least of some runs on what the arena holds.
  std::vector<double> profile(std::size_t rounds) {
    nb::gil_scoped_release release;
    const Holder holder(*this);
    Crew::Member member;
    const FloatMode mode(FloatMode::without_subnormals());
    using clock = std::chrono::steady_clock;
    std::vector<double> spent(instructions_.size(), HUGE_VAL);
    auto threads = turn();
    for (std::size_t round = 0; round < rounds; ++round)
      for (std::size_t k = 0; k < spent.size(); ++k) {
        const auto began = clock::now();
        perform(*instructions_[k], threads ? &*threads : nullptr);
        const std::chrono::duration<double, std::nano> took = clock::now() - began;
        spent[k] = std::min(spent[k], took.count());
      }
    return spent;
  }

 private:
  // Has the program for itself. A stop function that runs the program it was called from would wait
  // for itself.
  class Holder {
   public:
    explicit Holder(Program& program) : program_(program) {
      if (program.holder_ == std::this_thread::get_id())
        throw std::logic_error("a program cannot be run from the stop function of its own steps");
      program.busy_.lock();
      program.holder_ = std::this_thread::get_id();
    }
    ~Holder() {
      program_.holder_ = std::thread::id{};
      program_.busy_.unlock();
    }
    Holder(const Holder&) = delete;

   private:
    Program& program_;
  };

  static bool finite(const char* p, std::size_t bytes) {
    if (bytes == 4) {
      float x;
      std::memcpy(&x, p, 4);
      return std::isfinite(x);
    }
    double x;
    std::memcpy(&x, p, 8);
    return std::isfinite(x);
  }

  void put(const Placed<Input>& placed) {
    const auto& [offset, turned, array] = placed;
    char* const to = arena_.data() + offset;
    const auto* from = static_cast<const char*>(array.data());
    if (turned)
      backend_.transpose(to, from, static_cast<long>(array.shape(0)),
                         static_cast<long>(array.shape(1)), array.itemsize());
    else
      std::memcpy(to, from, array.nbytes());
  }

  void get(const Placed<Output>& placed) const {
    const auto& [offset, turned, array] = placed;
    auto* const to = static_cast<char*>(array.data());
    const char* from = arena_.data() + offset;
    if (turned)
      backend_.transpose(to, from, static_cast<long>(array.shape(1)),
                         static_cast<long>(array.shape(0)), array.itemsize());
    else
      std::memcpy(to, from, array.nbytes());
  }

  // A table whose rows each step gathers for itself.
  struct Table {
    char* to;
    const char* from;
    std::size_t bytes;  // of a row
  };

  // Rows first to last of a batch. They lie anywhere in memory: the next ones are asked for early.
  static void gather(const Table& r, const std::int64_t* rows, std::size_t first, std::size_t last) {
    const auto at = [&](std::size_t i) { return r.from + static_cast<std::size_t>(rows[i]) * r.bytes; };
    if (r.bytes == 4) {
      for (std::size_t i = first; i < last; ++i) std::memcpy(r.to + 4 * i, at(i), 4);
    } else if (r.bytes == 8) {
      for (std::size_t i = first; i < last; ++i) std::memcpy(r.to + 8 * i, at(i), 8);
    } else {
      constexpr std::size_t ahead = 8;
      for (std::size_t i = first; i < last; ++i) {
        if (r.bytes > 512 && i + ahead < last)
          for (std::size_t b = 0; b < r.bytes; b += 64) __builtin_prefetch(at(i + ahead) + b, 0, 2);
        std::memcpy(r.to + r.bytes * i, at(i), r.bytes);
      }
    }
  }

  // Gathers a batch, on as many threads as there are where that is worth it.
  static void gather(const std::vector<Table>& tables, const std::int64_t* rows, std::size_t n,
                     Crew::Turn* turn) {
    for (const auto& r : tables) {
      if (turn && turn->threads() > 1 && n * r.bytes > std::size_t{1} << 16) {
        const auto parts = static_cast<std::size_t>(turn->threads());
        turn->share([&](int part) {
          const auto p = static_cast<std::size_t>(part);
          gather(r, rows, n * p / parts, n * (p + 1) / parts);
        });
      } else {
        gather(r, rows, 0, n);
      }
    }
  }

  // The threads for a step, where any of its instructions is worth more than one.
  std::optional<Crew::Turn> turn() const {
    std::optional<Crew::Turn> found;
    if (shares_) found.emplace(threads_);
    return found;
  }

  void perform(const Instruction& i, Crew::Turn* turn) const {
    if (turn && turn->threads() > 1 && i.parallel())
      turn->share([&, mode = FloatMode::now()](int part) {
        const FloatMode as_here(mode);
        i.run(part, turn->threads(),
              scratch_->data() + scratch_bytes_ * static_cast<std::size_t>(part));
      });
    else
      i.run(0, 1, scratch_->data());
  }

  void once(Crew::Turn* turn) const {
    for (auto& i : instructions_) perform(*i, turn);
  }

  static inline std::set<Program*> living_;  // changes, and is forked, under the interpreter's lock

  const Backend& backend_;
  int threads_;
  bool shares_ = false;  // whether any instruction is worth more than one thread
  Memory arena_;
  std::optional<Memory> scratch_;  // as much for each thread
  std::size_t scratch_bytes_ = 0;
  std::vector<std::unique_ptr<Instruction>> instructions_;
  std::mutex busy_;
  std::atomic<std::thread::id> holder_{};
};

}  // namespace gradus
