// The matrix product as an instruction: batched, or one with a chain that takes up what it gives.
#pragma once

#include <optional>
#include <vector>

#include "chain.hpp"
#include "gemm.hpp"
#include "movement.hpp"
#include "program.hpp"

namespace gradus {
namespace GRADUS_TARGET {

class Product final : public Instruction {
 public:
  // dtype, batch shape, M, N, K, then for A, B and C: address, steps along the batch, row and column;
  // then whether a chain follows, and if so: which of its inputs is C, whether C itself is not
  // needed afterwards, and the chain
  Product(Reader& r, char* arena) {
    dtype_ = r.dtype();
    batch_ = r.list();
    m_ = r.next();
    n_ = r.next();
    k_ = r.next();
    for (auto* o : {&a_, &b_, &c_}) {
      o->base = arena + r.next();
      o->batch = r.list();
      o->row = r.next();
      o->column = r.next();
    }
    if (batch_.empty()) {
      batch_ = {1};
      for (auto* o : {&a_, &b_, &c_}) o->batch = {0};
    }
    if (r.next()) {
      panel_ = static_cast<std::size_t>(r.next());
      takes_all_ = r.next();
      then_.emplace(r, arena);
    }
  }

  bool parallel() const override { return m_ * n_ * k_ > 1 << 20; }

  std::size_t scratch_bytes() const override {
    return by_number(dtype_, [&](auto zero) -> std::size_t {
      using T = decltype(zero);
      if constexpr (std::is_floating_point_v<T>)
        return gemm_scratch<T>(m_, n_, k_, c_.row, c_.column) + (then_ ? then_->scratch_bytes() : 0);
      return 0;
    });
  }

  void run(int part, int parts, char* scratch) const override {
    by_number(dtype_, [&](auto zero) {
      using T = decltype(zero);
      auto* a = reinterpret_cast<const T*>(a_.base);
      auto* b = reinterpret_cast<const T*>(b_.base);
      auto* c = reinterpret_cast<T*>(c_.base);
      long batches = 1;
      for (auto n : batch_) batches *= n;
      for (long at = 0; at < batches; ++at) {
        long rest = at, ia = 0, ib = 0, ic = 0;
        for (std::size_t d = batch_.size(); d-- > 0;) {
          const long place = rest % batch_[d];
          rest /= batch_[d];
          ia += place * a_.batch[d];
          ib += place * b_.batch[d];
          ic += place * c_.batch[d];
        }
        multiply<T>(a + ia, b + ib, c + ic, part, parts, scratch);
      }
    });
  }

 private:
  struct Operand {
    char* base;
    std::vector<std::int64_t> batch;
    long row, column;
  };

  // Hands finished rectangles of C to the chain.
  struct Take {
    const Product& product;
    char* scratch;
    bool takes_all() const { return product.takes_all_; }
    template <class T>
    void operator()(T* c, long step, long row0, long row1, long column0, long column1) const {
      product.then_->run_on({reinterpret_cast<char*>(c), product.panel_, step, row0, column0}, row1,
                            column1, scratch);
    }
  };

  template <class T>
  void multiply(const T* a, const T* b, T* c, int part, int parts, char* scratch) const {
    if constexpr (std::is_floating_point_v<T>) {
      const auto run = [&](auto epilogue, char* own) {
        gemm<T>(m_, n_, k_, a, a_.row, a_.column, b, b_.row, b_.column, c, c_.row, c_.column, false,
                part, parts, own, epilogue);
      };
      if (then_)
        run(Take{*this, scratch}, scratch + (then_->scratch_bytes() + 63) / 64 * 64);
      else
        run(NoEpilogue{}, scratch);
    } else {  // integers: rare, so plain
      for (long i = m_ * part / parts; i < m_ * (part + 1) / parts; ++i)
        for (long j = 0; j < n_; ++j) {
          T sum = 0;
          for (long k = 0; k < k_; ++k)
            sum = static_cast<T>(sum + a[i * a_.row + k * a_.column] * b[k * b_.row + j * b_.column]);
          c[i * c_.row + j * c_.column] = sum;
        }
    }
  }

  DType dtype_;
  std::vector<std::int64_t> batch_;
  long m_, n_, k_;
  Operand a_, b_, c_;
  std::optional<Chain> then_;
  std::size_t panel_ = 0;
  bool takes_all_ = false;
};

}  // namespace GRADUS_TARGET
}  // namespace gradus
