// Reductions: sums, largest and smallest over an axis, and where those stand.
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>

#include "movement.hpp"
#include "numbers.hpp"
#include "instruction.hpp"
#include "simd.hpp"

namespace gradus {
namespace GRADUS_TARGET {

enum class Reduction : std::int64_t { sum, max, min, argmax, argmin };

// Reduces an operand that is seen as (outer, reduced, inner) with any steps; the result is dense
// (outer, inner). Sums go over the reduced axis in a fixed order, whatever the number of threads.
class Reduce final : public Instruction {
 public:
  Reduce(Reader& r, char* arena) {
    kind_ = static_cast<Reduction>(r.next());
    dtype_ = r.dtype();
    outer_ = r.next();
    n_ = r.next();
    inner_ = r.next();
    outer_step_ = r.next();
    step_ = r.next();
    inner_step_ = r.next();
    source_ = arena + r.next();
    target_ = arena + r.next();
    run_ = by_number(dtype_, [&](auto zero) { return choice<decltype(zero)>(); });
  }
  bool parallel() const override { return outer_ * n_ * inner_ > 1 << 13 && std::max(outer_, inner_) > 8; }
  void run(int part, int parts, char*) const override {
    // Threads share the kept axis that is longer.
    if (outer_ >= inner_)
      (this->*run_)(outer_ * part / parts, outer_ * (part + 1) / parts, 0, inner_);
    else
      (this->*run_)(0, outer_, inner_ * part / parts, inner_ * (part + 1) / parts);
  }

 private:
  using Run = void (Reduce::*)(long, long, long, long) const;

  template <class T>
  Run choice() const {
    if (kind_ == Reduction::argmax || kind_ == Reduction::argmin) return &Reduce::positions<T>;
    if constexpr (std::is_floating_point_v<T>) {
      if (kind_ == Reduction::sum) return &Reduce::floats<T, Join<T, Reduction::sum>>;
      if (kind_ == Reduction::max) return &Reduce::floats<T, Join<T, Reduction::max>>;
      return &Reduce::floats<T, Join<T, Reduction::min>>;
    }
    return &Reduce::wholes<T>;
  }

  template <class T>
  const T* at(long o, long i) const {
    return reinterpret_cast<const T*>(source_) + o * outer_step_ + i * inner_step_;
  }

  template <class T>
  void positions(long o0, long o1, long i0, long i1) const {
    for (long o = o0; o < o1; ++o)
      for (long i = i0; i < i1; ++i)
        reinterpret_cast<std::int64_t*>(target_)[o * inner_ + i] = position<T>(at<T>(o, i));
  }

  template <class T>
  void wholes(long o0, long o1, long i0, long i1) const {
    for (long o = o0; o < o1; ++o)
      for (long i = i0; i < i1; ++i)
        reinterpret_cast<T*>(target_)[o * inner_ + i] = whole<T>(at<T>(o, i));
  }

  template <class T>
  T whole(const T* x) const {
    if (kind_ == Reduction::sum) {
      T s = 0;
      for (long k = 0; k < n_; ++k) s = plus(s, x[k * step_]);
      return s;
    }
    T best = x[0];
    for (long k = 1; k < n_; ++k) {
      const T v = x[k * step_];
      if (kind_ == Reduction::max ? v > best : v < best) best = v;
    }
    return best;
  }

  // The first largest (smallest) element; the first NaN, as NumPy.
  template <class T>
  std::int64_t position(const T* x) const {
    std::int64_t at = 0;
    T best = x[0];
    if (best != best) return 0;
    for (long k = 1; k < n_; ++k) {
      const T v = x[k * step_];
      if (v != v) return k;
      if (kind_ == Reduction::argmax ? v > best : v < best) best = v, at = k;
    }
    return at;
  }

  // Joins vectors of one kind of reduction: a sum, or the larger (smaller), and NaN if either is.
  template <class T, Reduction R>
  struct Join {
    static vec<T> start() {
      constexpr T inf = std::numeric_limits<T>::infinity();
      return splat(R == Reduction::sum ? T(0) : R == Reduction::max ? -inf : inf);
    }
    static vec<T> of(vec<T> a, vec<T> b) {
      if constexpr (R == Reduction::sum) return a + b;
      if constexpr (R == Reduction::max) return ((a > b) | (a != a)) ? a : b;
      return ((a < b) | (a != a)) ? a : b;
    }
  };

  template <class T, class J>
  void floats(long o0, long o1, long i0, long i1) const {
    constexpr long L = simd<T>::lanes;
    auto* const y = reinterpret_cast<T*>(target_);
    if (inner_ == 1 && step_ == 1) {
      if (i0 < i1)
        for (long o = o0; o < o1; ++o) y[o] = along<T, J>(at<T>(o, 0), n_);
      return;
    }
    // Over a strided axis: columns side by side in one vector, each summed in the axis's order.
    for (long o = o0; o < o1; ++o) {
      long i = i0;
      if (inner_step_ == 1)
        for (; i < i1; i += L) {
          vec<T> acc = J::start();
          const T* x = at<T>(o, i);
          for (long k = 0; k < n_; ++k, x += step_) acc = J::of(acc, load(x));
          store_first(y + o * inner_ + i, acc, std::min(L, i1 - i));
        }
      for (; i < i1; ++i) {
        vec<T> acc = J::start();
        for (long k = 0; k < n_; ++k) acc = J::of(acc, splat(at<T>(o, i)[k * step_]));
        y[o * inner_ + i] = acc[0];
      }
    }
  }

  // Over a contiguous axis: four vectors of partial results, joined in a fixed order.
  template <class T, class J>
  static T along(const T* x, long n) {
    constexpr long L = simd<T>::lanes;
    vec<T> all = J::start();
    long k = 0;
    if (n >= 4 * L) {
      vec<T> acc[4] = {all, all, all, all};
      for (; k + 4 * L <= n; k += 4 * L)
        for (long j = 0; j < 4; ++j) acc[j] = J::of(acc[j], load(x + k + j * L));
      for (; k + L <= n; k += L) acc[0] = J::of(acc[0], load(x + k));
      all = J::of(J::of(acc[0], acc[1]), J::of(acc[2], acc[3]));
    } else {
      for (; k + L <= n; k += L) all = J::of(all, load(x + k));
    }
    if (k < n) {  // reading beyond the end is safe: the arena is padded
      const auto inside = lane_numbers<T>() < splat(static_cast<T>(n - k));
      all = J::of(all, inside ? load(x + k) : J::start());
    }
    return halved<T, J, simd<T>::lanes / 2>(all);
  }

  // The upper half of the first 2·Width lanes joined to the lower, until one lane is left.
  template <class T, class J, int Width>
  static T halved(vec<T> v) {
    if constexpr (Width == 0) {
      return v[0];
    } else {
      return halved<T, J, Width / 2>(J::of(v, from_lane<T, Width>(v)));
    }
  }

  Reduction kind_;
  DType dtype_;
  long outer_, n_, inner_, outer_step_, step_, inner_step_;
  Run run_;
  const char* source_;
  char* target_;
};

}  // namespace GRADUS_TARGET
}  // namespace gradus
