// Steps of several programs in turn, round after round, without Python: what the last step of one leaves
// is what the first of the next one finds. An epoch is a round: full batches, one of which is monitored,
// and a short one are three programs.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "program.hpp"

namespace gradus {

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

// What one program does in each round.
class Leg {
 public:
  using Order = nb::ndarray<const std::int64_t, nb::ndim<3>, nb::c_contig>;
  // An array with one item for each step of each round, and where a step has its item in the arena.
  template <class Array>
  using Sequence = std::pair<std::size_t, Array>;
  // A value that is carried: where a step finds it, where it leaves it, and whether it lies transposed.
  using Carried = std::tuple<std::size_t, std::size_t, bool>;
  // The program; what stays the same; what is carried; inputs with the arrays whose rows they gather;
  // numbers of these rows, (rounds, steps, batch); what each step is given, and what it leaves; and
  // where a float that must stay finite lies, with its bytes.
  using Given = std::tuple<Program*, std::vector<Placed<Input>>, std::vector<Carried>,
                           std::vector<std::pair<std::size_t, Input>>, Order, std::vector<Sequence<Input>>,
                           std::vector<Sequence<Output>>, std::size_t, std::size_t>;

  explicit Leg(const Given& given)
      : program_(*std::get<0>(given)), fixed_(&std::get<1>(given)), carried_(std::get<2>(given)), order_(std::get<4>(given)),
        watch_(program_.at(std::get<7>(given))), watch_bytes_(std::get<8>(given)) {
    for (auto& [at, array] : std::get<3>(given))
      tables_.push_back({program_.at(at), static_cast<const char*>(array.data()),
                         array.shape(0) ? array.nbytes() / array.shape(0) : 0});
    const std::size_t all = order_.shape(0) * order_.shape(1);
    for (auto& [at, array] : std::get<5>(given))
      per_step_.push_back({program_.at(at), static_cast<const char*>(array.data()),
                           all ? array.nbytes() / all : 0});
    for (auto& [at, array] : std::get<6>(given))
      records_.push_back({program_.at(at), static_cast<char*>(array.data()), all ? array.nbytes() / all : 0});
    settle();
  }

  // Writes what stays the same.
  void settle() {
    for (auto& fixed : *fixed_) program_.put(fixed);
  }

  std::size_t rounds() const { return order_.shape(0); }
  std::size_t steps() const { return order_.shape(1); }
  Program& program() const { return program_; }

  // The k-th step of all rounds.
  void take(std::size_t k) {
    const std::size_t batch = order_.shape(2);
    for (auto& s : per_step_) std::memcpy(s.at, s.items + k * s.bytes, s.bytes);
    program_.step([&](Crew::Turn* turn) { gather(order_.data() + k * batch, batch, turn); });
    for (auto& s : records_) std::memcpy(s.items + k * s.bytes, s.at, s.bytes);
  }

  // Lets the next step of this program find what the last one left; `arrays` have the shapes.
  void carry(const std::vector<Input>& arrays) {
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      const auto [in, out, turned] = carried_[i];
      if (in != out) std::memcpy(program_.at(in), program_.at(out), arrays[i].nbytes());
    }
  }
  void begin(const std::vector<Input>& arrays) {
    for (std::size_t i = 0; i < arrays.size(); ++i) program_.put({in(i), turned(i), arrays[i]});
  }
  void end(const std::vector<Output>& arrays) const {
    for (std::size_t i = 0; i < arrays.size(); ++i) program_.get({in(i), turned(i), arrays[i]});
  }
  void hand_to(Leg& next, const std::vector<Input>& arrays) const {
    if (&program_ == &next.program_) return;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      char* const to = next.program_.at(next.in(i));
      const char* const from = program_.at(in(i));
      if (turned(i) == next.turned(i))
        std::memcpy(to, from, arrays[i].nbytes());
      else
        program_.transpose(to, from, arrays[i].shape(turned(i) ? 1 : 0),
                           arrays[i].shape(turned(i) ? 0 : 1), arrays[i].itemsize());
    }
  }

  bool finite() const {
    if (watch_bytes_ == 4) return std::isfinite(number<float>(watch_));
    return std::isfinite(number<double>(watch_));
  }

 private:
  // Where a step has its item in the arena, and those of all steps beside it.
  template <class Byte>
  struct Items {
    char* at;
    Byte* items;
    std::size_t bytes;  // of an item
  };
  // A table whose rows each step gathers for itself.
  struct Table {
    char* to;
    const char* from;
    std::size_t bytes;  // of a row
  };

  std::size_t in(std::size_t i) const { return std::get<0>(carried_[i]); }
  bool turned(std::size_t i) const { return std::get<2>(carried_[i]); }

  template <class T>
  static T number(const char* p) {
    T x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }

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
  void gather(const std::int64_t* rows, std::size_t n, Crew::Turn* turn) const {
    for (const auto& r : tables_) {
      if (turn && turn->threads() > 1 && n * r.bytes > std::size_t{1} << 15) {
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

  Program& program_;
  const std::vector<Placed<Input>>* fixed_;
  std::vector<Carried> carried_;
  Order order_;
  const char* watch_;
  std::size_t watch_bytes_;
  std::vector<Table> tables_;
  std::vector<Items<const char>> per_step_;
  std::vector<Items<char>> records_;
};

// Has several programs for itself, in an order that no two callers can wait for each other by.
class Holders {
 public:
  explicit Holders(std::vector<Program*> programs) {
    const std::size_t legs = programs.size();
    std::sort(programs.begin(), programs.end(), std::less<>());
    programs.erase(std::unique(programs.begin(), programs.end()), programs.end());
    each_once_ = programs.size() == legs;
    for (auto* program : programs) held_.push_back(std::make_unique<Program::Holder>(*program));
  }

  bool each_once() const { return each_once_; }

 private:
  bool each_once_;
  std::vector<std::unique_ptr<Program::Holder>> held_;
};

// Takes up to all steps of all rounds; see gradus.compiler.executor.relay.
//   given: what the first step finds of what is carried, and results: what the last one leaves
//   ended: seconds from the beginning to the end of each round, or to where it was broken off
inline std::size_t relay(const std::vector<Leg::Given>& legs, const std::vector<Input>& given,
                         const std::vector<Output>& results,
                         const nb::ndarray<double, nb::ndim<1>, nb::c_contig>& ended, nb::callable stop) {
  nb::gil_scoped_release release;
  std::vector<Program*> programs;
  for (auto& leg : legs) programs.push_back(std::get<0>(leg));
  const Holders holders(programs);
  Crew::Member member;
  std::vector<Leg> ready(legs.begin(), legs.end());
  const auto began = std::chrono::steady_clock::now();
  Leg* now = &ready.front();
  now->begin(given);
  std::size_t done = 0, round = 0;
  const auto since = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  const auto ends_early = [&] {
    const FloatMode mode(FloatMode::without_subnormals());
    Pace pace;
    for (; round < now->rounds(); ++round) {
      for (auto& leg : ready) {
        now->hand_to(leg, given);
        now = &leg;
        if (!holders.each_once()) leg.settle();  // another leg of the program has others
        for (std::size_t k = round * leg.steps(); k < (round + 1) * leg.steps(); ++k) {
          if (pace.asks(done)) {
            nb::gil_scoped_acquire acquire;
            const FloatMode callers(mode.before());
            if (PyErr_CheckSignals() != 0) throw nb::python_error();
            const int ends = PyObject_IsTrue(stop(done).ptr());
            if (ends < 0) throw nb::python_error();
            if (ends) return true;
            pace.asked();
          }
          leg.take(k);
          leg.carry(given);
          ++done;
          if (!leg.finite()) return true;
        }
      }
      ended.data()[round] = since();
    }
    return false;
  };
  if (ends_early()) ended.data()[round] = since();
  now->end(results);
  return done;
}

}  // namespace gradus
