// Instructions that move numbers, and those that add them up on the way.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "numbers.hpp"
#include "instruction.hpp"
#include "philox.hpp"
#include "simd.hpp"

namespace gradus {
namespace GRADUS_TARGET {

template <class F>
auto by_size(std::size_t size, F f) {
  switch (size) {
    case 1:
      return f(std::uint8_t{});
    case 4:
      return f(std::uint32_t{});
    default:
      return f(std::uint64_t{});
  }
}

template <class F>
auto by_number(DType t, F f) {
  switch (t) {
    case DType::boolean:
      return f(std::uint8_t{});
    case DType::u32:
      return f(std::uint32_t{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::i64:
      return f(std::int64_t{});
    case DType::f32:
      return f(float{});
    default:
      return f(double{});
  }
}

// Visits every index of a shape but its last axis; `f` gets the offsets of two operands.
template <class F>
void each_row(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& a,
              const std::vector<std::int64_t>& b, F f) {
  const std::size_t outer = shape.empty() ? 0 : shape.size() - 1;
  for (auto n : shape)
    if (n == 0) return;
  std::vector<std::int64_t> at(outer, 0);
  std::int64_t ia = 0, ib = 0;
  for (;;) {
    f(ia, ib);
    std::size_t d = outer;
    for (; d > 0; --d) {
      ia += a[d - 1];
      ib += b[d - 1];
      if (++at[d - 1] < shape[d - 1]) break;
      ia -= a[d - 1] * shape[d - 1];
      ib -= b[d - 1] * shape[d - 1];
      at[d - 1] = 0;
    }
    if (d == 0) return;
  }
}

// Copies between two strided layouts of one shape: size, shape, source, steps, target, steps.
class Copy final : public Instruction {
 public:
  Copy(Reader& r, char* arena) {
    size_ = static_cast<std::size_t>(r.next());
    shape_ = r.list();
    source_ = arena + r.next();
    from_ = r.list();
    target_ = arena + r.next();
    to_ = r.list();
  }
  void run(int, int, char*) const override {
    by_size(size_, [&](auto zero) {
      using T = decltype(zero);
      auto* x = reinterpret_cast<const T*>(source_);
      auto* y = reinterpret_cast<T*>(target_);
      const long n = shape_.empty() ? 1 : shape_.back();
      const long sx = shape_.empty() ? 1 : from_.back(), sy = shape_.empty() ? 1 : to_.back();
      each_row(shape_, from_, to_, [&](long i, long j) {
        if (sx == 1 && sy == 1)
          std::memcpy(y + j, x + i, static_cast<std::size_t>(n) * sizeof(T));
        else
          for (long k = 0; k < n; ++k) y[j + k * sy] = x[i + k * sx];
      });
    });
  }

 private:
  std::size_t size_;
  std::vector<std::int64_t> shape_, from_, to_;
  const char* source_;
  char* target_;
};

// Fills a dense value with one number: size, count, bits of the number, target.
class Fill final : public Instruction {
 public:
  Fill(Reader& r, char* arena) {
    size_ = static_cast<std::size_t>(r.next());
    count_ = r.next();
    bits_ = r.next();
    target_ = arena + r.next();
  }
  void run(int, int, char*) const override {
    by_size(size_, [&](auto zero) {
      using T = decltype(zero);
      std::fill_n(reinterpret_cast<T*>(target_), count_, static_cast<T>(bits_));
    });
  }

 private:
  std::size_t size_;
  std::int64_t count_, bits_;
  char* target_;
};

// ── Running sums ────────────────────────────────────────────────────────────────────────────────

// yᵢ = x₀ + … + xᵢ along the middle axis of dense (outer, n, inner).
class RunningSum final : public Instruction {
 public:
  RunningSum(Reader& r, char* arena) {
    dtype_ = r.dtype();
    outer_ = r.next();
    n_ = r.next();
    inner_ = r.next();
    source_ = arena + r.next();
    target_ = arena + r.next();
  }
  void run(int, int, char*) const override {
    by_number(dtype_, [&](auto zero) {
      using T = decltype(zero);
      for (long o = 0; o < outer_; ++o) {
        auto* x = reinterpret_cast<const T*>(source_) + o * n_ * inner_;
        auto* y = reinterpret_cast<T*>(target_) + o * n_ * inner_;
        for (long k = 0; k < n_; ++k)
          for (long i = 0; i < inner_; ++i)
            y[k * inner_ + i] = k ? plus(y[(k - 1) * inner_ + i], x[k * inner_ + i]) : x[i];
      }
    });
  }

 private:
  DType dtype_;
  long outer_, n_, inner_;
  const char* source_;
  char* target_;
};

// ── Positions ───────────────────────────────────────────────────────────────────────────────────

// Reads or adds at positions along the middle axis of a dense (outer, length, inner) operand.
// Slabs: one list of positions for every outer index; elements: positions (outer, count, inner).
class Positions final : public Instruction {
 public:
  enum class Kind : std::int64_t { take, scatter_add, take_along, scatter_add_along };

  Positions(Reader& r, char* arena) {
    kind_ = static_cast<Kind>(r.next());
    dtype_ = r.dtype();
    index_dtype_ = r.dtype();
    outer_ = r.next();
    length_ = r.next();
    inner_ = r.next();
    count_ = r.next();
    source_ = arena + r.next();
    index_ = arena + r.next();
    target_ = arena + r.next();
  }
  void run(int, int, char*) const override {
    switch (index_dtype_) {
      case DType::u32:
        return indexed<std::uint32_t>();
      case DType::i32:
        return indexed<std::int32_t>();
      default:
        return indexed<std::int64_t>();
    }
  }

 private:
  template <class I>
  void indexed() const {
    by_number(dtype_, [&](auto zero) {
      using T = decltype(zero);
      auto* x = reinterpret_cast<const T*>(source_);
      auto* at = reinterpret_cast<const I*>(index_);
      auto* y = reinterpret_cast<T*>(target_);
      const bool adds = kind_ == Kind::scatter_add || kind_ == Kind::scatter_add_along;
      const bool slabs = kind_ == Kind::take || kind_ == Kind::scatter_add;
      if (adds) std::fill_n(y, outer_ * length_ * inner_, T(0));
      for (long o = 0; o < outer_; ++o)
        for (long k = 0; k < count_; ++k) {
          const long many = (o * count_ + k) * inner_;  // place in the operand with `count` slabs
          for (long i = 0; i < inner_; ++i) {
            const long p = place(static_cast<std::int64_t>(slabs ? at[k] : at[many + i]));
            const long one = (o * length_ + p) * inner_ + i;
            if (adds)
              y[one] = plus(y[one], x[many + i]);
            else
              y[many + i] = x[one];
          }
        }
    });
  }
  long place(std::int64_t p) const {
    if (p < -length_ || p >= length_) throw IndexError(length_, p);
    return p < 0 ? p + length_ : p;
  }

  Kind kind_;
  DType dtype_, index_dtype_;
  long outer_, length_, inner_, count_;
  const char *source_, *index_;
  char* target_;
};

// Adds overlapping windows up: dense (outer, counts…, windows…) to dense (outer, lengths…).
class Fold final : public Instruction {
 public:
  Fold(Reader& r, char* arena) {
    dtype_ = r.dtype();
    outer_ = r.next();
    lengths_ = r.list();
    counts_ = r.list();
    window_ = r.list();
    stride_ = r.list();
    dilation_ = r.list();
    source_ = arena + r.next();
    target_ = arena + r.next();
  }
  void run(int, int, char*) const override {
    by_number(dtype_, [&](auto zero) {
      using T = decltype(zero);
      const std::size_t k = lengths_.size();
      long total = 1, positions = 1, places = 1;
      for (auto n : lengths_) total *= n;
      for (auto n : counts_) positions *= n;
      for (auto n : window_) places *= n;
      auto* x = reinterpret_cast<const T*>(source_);
      auto* y = reinterpret_cast<T*>(target_);
      std::fill_n(y, outer_ * total, T(0));
      for (long o = 0; o < outer_; ++o)
        for (long w = 0; w < places; ++w)
          for (long p = 0; p < positions; ++p) {
            long at = 0, rest_p = p, rest_w = w, scale = 1;
            for (std::size_t d = k; d-- > 0;) {
              at += (rest_p % counts_[d] * stride_[d] + rest_w % window_[d] * dilation_[d]) * scale;
              rest_p /= counts_[d];
              rest_w /= window_[d];
              scale *= lengths_[d];
            }
            auto& sum = y[o * total + at];
            sum = plus(sum, x[(o * positions + p) * places + w]);
          }
    });
  }

 private:
  DType dtype_;
  long outer_;
  std::vector<std::int64_t> lengths_, counts_, window_, stride_, dilation_;
  const char* source_;
  char* target_;
};

// Random words, as gradus.random.bits.
class RandomBits final : public Instruction {
 public:
  RandomBits(Reader& r, char* arena) {
    site_ = static_cast<std::uint32_t>(r.next());
    count_ = r.next();
    seed_ = arena + r.next();
    step_ = arena + r.next();
    target_ = arena + r.next();
  }
  bool parallel() const override { return count_ > 1 << 14; }
  void run(int part, int parts, char*) const override {
    std::uint64_t seed, step;
    std::memcpy(&seed, seed_, 8);
    std::memcpy(&step, step_, 8);
    const long blocks = (count_ + 3) / 4;
    random_bits(reinterpret_cast<std::uint32_t*>(target_), blocks * part / parts,
                blocks * (part + 1) / parts, count_, seed, step, site_);
  }

 private:
  std::uint32_t site_;
  long count_;
  const char *seed_, *step_;
  char* target_;
};

}  // namespace GRADUS_TARGET
}  // namespace gradus
