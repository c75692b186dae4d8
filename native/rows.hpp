// A function of rows, prepared for a few numbers of them, run on any number.
//
// Rows are cut into batches. Whole batches go to whichever thread has time, each thread with values of
// its own in between; the weights are there once. They are written only where the tensors that they are
// made from have changed since.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "memory.hpp"
#include "instruction.hpp"
#include "threads.hpp"

namespace gradus {

// What the weights in memory were made from: tensors, by identity, and their versions.
struct Source {
  std::vector<const void*> tensors;
  std::vector<std::int64_t> versions;
  std::shared_ptr<void> keeper;  // of the tensors, so that no others come to their addresses
};

class Rows {
 public:
  using Numbers = std::vector<std::vector<std::int64_t>>;  // of instructions
  using Addresses = std::vector<std::int64_t>;
  using Batch = std::pair<std::size_t, std::size_t>;  // rows to compute; how many of them are wanted

  // What an input must be, to be looked at before it is used.
  enum Check { unchecked, finite_floats, finite_doubles };

  // most: rows of the largest batch
  // least: rows of the smallest one that is worth the reading of the weights
  // work: about how many floating-point operations a row takes
  // inputs, outputs: bytes of a row of each
  Rows(const Backend& backend, int threads, std::size_t most, std::size_t least, double work,
       std::vector<std::size_t> inputs, std::vector<std::size_t> outputs)
      : backend_(backend),
        threads_(threads),
        most_(most),
        least_(least),
        work_(work),
        inputs_(std::move(inputs)),
        outputs_(std::move(outputs)) {
    for (int t = 0; t < threads; ++t) scratch_.emplace_back(0);
    living_.insert(this);
  }
  ~Rows() { living_.erase(this); }
  Rows(const Rows&) = delete;

  // In a child process nobody runs what another thread of the parent was running, and the weights
  // that it may have been writing are nobody's. What that thread held is left as it is.
  static void after_fork() {
    for (auto* rows : living_) {
      new (&rows->busy) std::mutex;
      new (&rows->source_) std::shared_ptr<const Source>;
    }
  }

  // Held by whoever uses what follows; nobody who has the interpreter's lock waits for it.
  std::mutex busy;

  // A piece of memory, by its distance from the first one: that is what instructions take for an
  // address.
  std::int64_t allocate(std::size_t bytes) {
    memory_.emplace_back(bytes);
    if (!base_) base_ = memory_[0].data();
    return memory_.back().data() - base_;
  }

  void write(std::int64_t address, const void* from, std::size_t bytes) {
    std::memcpy(base_ + address, from, bytes);
  }

  // Whether the weights in memory are made from these.
  bool made_from(const std::vector<const void*>& tensors,
                 const std::vector<std::int64_t>& versions) const {
    return source_ && source_->tensors == tensors && source_->versions == versions;
  }

  // Says what the weights are made from (nothing is: they are about to change); gives what was said.
  std::shared_ptr<const Source> make_from(std::shared_ptr<const Source> source) {
    return std::exchange(source_, std::move(source));
  }

  // An instruction that reads inputs: its place, and which of its numbers are addresses in which input.
  using Reader = std::pair<std::size_t, std::vector<std::pair<std::size_t, std::size_t>>>;

  // The instructions for a number of rows, in one copy or one for each thread, and where each copy
  // has its inputs and outputs.
  void add(std::size_t rows, const std::vector<Numbers>& copies,
           const std::vector<Addresses>& inputs, const std::vector<Addresses>& outputs,
           const std::vector<Reader>& readers) {
    std::vector<Copy> made(copies.size());
    std::size_t scratch = 0;
    for (std::size_t c = 0; c < copies.size(); ++c) {
      for (auto& numbers : copies[c]) {
        made[c].instructions.push_back(backend_.make(numbers, base_));
        scratch = std::max(scratch, made[c].instructions.back()->scratch_bytes());
      }
      for (auto a : inputs[c]) made[c].inputs.push_back(base_ + a);
      for (auto a : outputs[c]) made[c].outputs.push_back(base_ + a);
      for (auto& r : readers) made[c].readers.push_back({r, copies[c][r.first]});
      made[c].read_from.assign(made[c].inputs.begin(), made[c].inputs.end());
    }
    for (auto& s : scratch_)
      if (s.bytes() < scratch) s = Memory(scratch);
    copies_[rows] = std::move(made);
  }

  // How so many rows, left over from whole batches, are cut, into batches that there is all for.
  void cut(std::size_t rows, std::vector<Batch> batches) { cuts_[rows] = std::move(batches); }

  // Rows of a whole batch where there are so many in all: the most, or fewer where the threads would
  // not have a few batches each.
  std::size_t whole(std::size_t rows) const {
    std::size_t size = most_;
    if (threads_ > 1 && work(rows) > worth_a_thread)
      while (size > least_ && size * 2 * static_cast<std::size_t>(threads_) > rows) size /= 2;
    return size;
  }

  // About how many floating-point operations so many rows take.
  double work(std::size_t rows) const { return work_ * static_cast<double>(rows); }

  // Whether there is all that so many rows need.
  bool ready(std::size_t rows) const {
    const std::size_t size = whole(rows);
    return (rows < size || copies_.count(size)) && (rows % size == 0 || cuts_.count(rows % size));
  }

  // Computes the outputs. False, and no outputs, where an input that is looked at is not finite.
  bool run(std::size_t rows, const std::vector<const char*>& inputs,
           const std::vector<char*>& outputs, Check check) {
    const Crew::Member member;
    Task task{rows, whole(rows), inputs, outputs, check};
    const std::size_t batches = rows / task.size;
    const bool shared = batches > 1 && work(rows) > worth_a_thread;
    std::optional<Crew::Turn> turn;
    if (threads_ > 1 && (shared || work(std::min(rows, task.size)) > worth_parts))
      turn.emplace(threads_);
    if (shared && turn && turn->threads() > 1) {
      std::atomic<std::size_t> next{0};
      turn->offer([&](int part) {
        if (part == 0) remaining(task, nullptr);
        for (std::size_t k; (k = next++) < batches;)
          compute(task, k * task.size, {task.size, task.size}, part, nullptr);
      });
    } else {
      for (std::size_t k = 0; k < batches; ++k)
        compute(task, k * task.size, {task.size, task.size}, 0, turn ? &*turn : nullptr);
      remaining(task, turn ? &*turn : nullptr);
    }
    if (task.error) std::rethrow_exception(task.error);
    return task.finite;
  }

 private:
  static constexpr std::size_t worth_moving = 1 << 17;  // bytes of a batch
  static constexpr double worth_a_thread = 4e6;         // operations, to be shared batch by batch
  static constexpr double worth_parts = 3e7;            // of one batch, to share its instructions

  // Instructions with values of their own, for one thread.
  struct Copy {
    std::vector<std::unique_ptr<Instruction>> instructions;
    std::vector<char*> inputs, outputs;
    std::vector<std::pair<Reader, std::vector<std::int64_t>>> readers;
    std::vector<const char*> read_from;  // where the instructions read each input at present
  };

  // One call: its arrays, and what went wrong.
  struct Task {
    std::size_t rows, size;  // all of them, and those of a whole batch
    const std::vector<const char*>& inputs;
    const std::vector<char*>& outputs;
    Check check;
    std::atomic<bool> finite{true};
    std::exception_ptr error{};
    std::mutex failing{};
  };

  void remaining(Task& task, Crew::Turn* turn) {
    const std::size_t rest = task.rows % task.size;
    if (rest == 0) return;
    std::size_t start = task.rows - rest;
    for (auto& batch : cuts_.at(rest)) {
      compute(task, start, batch, 0, turn);
      start += batch.second;
    }
  }

  // One batch in one thread's copy; in a turn all its threads share the large instructions.
  void compute(Task& task, std::size_t start, Batch batch, int part, Crew::Turn* turn) {
    const auto thread = static_cast<std::size_t>(part);
    Copy& copy = copies_.at(batch.first)[thread];
    try {
      for (std::size_t i = 0; i < inputs_.size(); ++i) {
        const char* from = task.inputs[i] + start * inputs_[i];
        if (!passes(task.check, from, batch.second * inputs_[i])) task.finite = false;
        if (!task.finite) return;
        const bool stays = may_stay(task, start, batch, i);
        read(copy, i, stays ? from : copy.inputs[i]);
        if (!stays) load(from, batch, inputs_[i], copy.inputs[i]);
      }
      for (auto& i : copy.instructions) run(*i, thread, turn);
      for (std::size_t i = 0; i < outputs_.size(); ++i)
        std::memcpy(task.outputs[i] + start * outputs_[i], copy.outputs[i],
                    batch.second * outputs_[i]);
    } catch (...) {
      std::lock_guard<std::mutex> lock(task.failing);
      task.error = std::current_exception();
    }
  }

  void run(const Instruction& instruction, std::size_t thread, Crew::Turn* turn) {
    if (turn && turn->threads() > 1 && instruction.parallel())
      turn->share([&](int part) {
        instruction.run(part, turn->threads(), scratch_[static_cast<std::size_t>(part)].data());
      });
    else
      instruction.run(0, 1, scratch_[thread].data());
  }

  bool passes(Check check, const char* data, std::size_t bytes) const {
    if (check == finite_floats)
      return backend_.finite_floats(reinterpret_cast<const float*>(data), bytes / 4);
    if (check == finite_doubles)
      return backend_.finite_doubles(reinterpret_cast<const double*>(data), bytes / 8);
    return true;
  }

  // Whether the caller's array may be read where it is: there is much of it, and it goes on for long
  // enough, since vectors are loaded whole.
  bool may_stay(const Task& task, std::size_t start, Batch batch, std::size_t i) const {
    const std::size_t behind = (task.rows - start - batch.second) * inputs_[i];
    return batch.first == batch.second && batch.first * inputs_[i] >= worth_moving &&
           behind >= Memory::padding && reinterpret_cast<std::uintptr_t>(task.inputs[i]) % 8 == 0;
  }

  // Lets the instructions read an input somewhere.
  void read(Copy& copy, std::size_t input, const char* from) const {
    if (copy.read_from[input] == from) return;
    copy.read_from[input] = nullptr;  // a child of fork may begin in the middle of this
    for (auto& [reader, numbers] : copy.readers) {
      auto moved = numbers;
      for (auto [place, i] : reader.second)
        moved[place] += (i == input ? from : copy.read_from[i]) - copy.inputs[i];
      copy.instructions[reader.first] = backend_.make(moved, base_);
    }
    copy.read_from[input] = from;
  }

  // Rows, and copies of the last one where the batch has more: those are numbers like the others.
  static void load(const char* from, Batch batch, std::size_t bytes, char* to) {
    const auto [rows, wanted] = batch;
    std::memcpy(to, from, wanted * bytes);
    for (std::size_t k = wanted; k < rows; ++k)
      std::memcpy(to + k * bytes, from + (wanted - 1) * bytes, bytes);
  }

  static inline std::set<Rows*> living_;  // changes, and is forked, under the interpreter's lock

  const Backend& backend_;
  int threads_;
  std::size_t most_, least_;
  double work_;
  std::vector<std::size_t> inputs_, outputs_;
  std::vector<Memory> memory_, scratch_;
  char* base_ = nullptr;
  std::shared_ptr<const Source> source_;
  std::map<std::size_t, std::vector<Copy>> copies_;
  std::map<std::size_t, std::vector<Batch>> cuts_;
};

}  // namespace gradus
