// A program: instructions that run in their order, once, or step after step without Python.
//
// Everything it touches lies in one arena: inputs are copied in, results copied out, and between them
// every instruction knows its addresses. Python plans (gradus.compiler.native); here is only what runs.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
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
#include "worth.hpp"

namespace gradus {

namespace nb = nanobind;

using Input = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::c_contig, nb::device::cpu>;

// An array, where its numbers lie in the arena, and whether they lie there transposed.
template <class Array>
using Placed = std::tuple<std::size_t, bool, Array>;

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

  // For a relay, which holds the program meanwhile -------------------------------------------------

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

  char* at(std::size_t offset) const { return arena_.data() + offset; }

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

  // Runs a step on as many threads as make it faster; `gather` fetches its rows first.
  template <class Gather>
  void step(Gather&& gather) {
    if (!shares_) {
      gather(nullptr);
      return once(nullptr);
    }
    const auto began = std::chrono::steady_clock::now();
    auto threads = worth_.several() ? turn() : std::nullopt;
    gather(threads ? &*threads : nullptr);
    once(threads ? &*threads : nullptr);
    if (!threads || threads->threads() > 1)  // another program may have them
      worth_.took(std::chrono::steady_clock::now() - began);
  }

  void transpose(char* to, const char* from, std::size_t rows, std::size_t columns, std::size_t bytes) const {
    backend_.transpose(to, from, static_cast<long>(rows), static_cast<long>(columns), bytes);
  }

 private:
  // The threads for a step, where any of its instructions is worth more than one.
  std::optional<Crew::Turn> turn() const {
    std::optional<Crew::Turn> found;
    if (shares_) found.emplace(threads_);
    return found;
  }

  void once(Crew::Turn* turn) const {
    for (auto& i : instructions_) perform(*i, turn);
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

  static inline std::set<Program*> living_;  // changes, and is forked, under the interpreter's lock

  const Backend& backend_;
  int threads_;
  bool shares_ = false;  // whether any instruction is worth more than one thread
  Worth worth_;          // and whether a step is faster by them
  Memory arena_;
  std::optional<Memory> scratch_;  // as much for each thread
  std::size_t scratch_bytes_ = 0;
  std::vector<std::unique_ptr<Instruction>> instructions_;
  std::mutex busy_;
  std::atomic<std::thread::id> holder_{};
};

}  // namespace gradus
