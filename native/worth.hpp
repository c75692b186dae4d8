// Whether a short step is faster by several threads than by one: tried, since nobody can know it.
//
// What one thread has written the other one fetches from its cache. Where that is far away (on another
// socket, or wherever a host has put its guest's processors for a while) a step of 95 microseconds took
// 200 on two threads; where it is near, 80. The bits are the same in either case.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

namespace gradus {

class Worth {
 public:
  using Seconds = std::chrono::duration<double>;

  bool several() const { return steps_ < tried || (steps_ >= 2 * tried && pays_); }

  // How long the step took that was asked for.
  void took(Seconds time) {
    if (steps_ < 2 * tried) {
      auto& best = steps_ < tried ? together_ : alone_;
      best = std::min(best, time);  // the least, since a thread that slept is late at first
    }
    ++steps_;
    if (steps_ == tried && together_ > long_enough) steps_ = 2 * tried;  // there is no doubt
    if (steps_ == 2 * tried) pays_ = together_ <= alone_;
    if (steps_ == 2 * tried + held) {
      steps_ = 0;
      together_ = alone_ = endless;
    }
  }

 private:
  static constexpr int tried = 8, held = 512;  // steps of each kind, and those that go by the result
  static constexpr Seconds long_enough{1e-3}, endless{std::numeric_limits<double>::infinity()};

  int steps_ = 0;
  bool pays_ = true;
  Seconds together_ = endless, alone_ = endless;
};

}  // namespace gradus
