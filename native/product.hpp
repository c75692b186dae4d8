// The matrix product as an instruction, batched.
#pragma once

#include <vector>

#include "gemm.hpp"
#include "movement.hpp"
#include "program.hpp"

namespace gradus {
namespace GRADUS_TARGET {

class Product final : public Instruction {
 public:
  // dtype, batch shape, M, N, K, then for A, B and C: address, steps along the batch, row and column
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
  }

  bool parallel() const override { return m_ * n_ * k_ > 1 << 20; }

  std::size_t scratch_bytes() const override {
    return by_number(dtype_, [&](auto zero) -> std::size_t {
      using T = decltype(zero);
      if constexpr (std::is_floating_point_v<T>)
        return gemm_scratch<T>(m_, n_, k_, a_.row, a_.column, b_.row, b_.column, c_.row, c_.column);
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

  template <class T>
  void multiply(const T* a, const T* b, T* c, int part, int parts, char* scratch) const {
    if constexpr (std::is_floating_point_v<T>) {
      gemm<T>(m_, n_, k_, a, a_.row, a_.column, b, b_.row, b_.column, c, c_.row, c_.column, false,
              part, parts, scratch);
    } else {  // integers and booleans: rare, so plain
      for (long i = m_ * part / parts; i < m_ * (part + 1) / parts; ++i)
        for (long j = 0; j < n_; ++j) {
          T sum = 0;
          for (long k = 0; k < k_; ++k)
            sum = plus(sum, times(a[i * a_.row + k * a_.column], b[k * b_.row + j * b_.column]));
          c[i * c_.row + j * c_.column] = sum;
        }
    }
  }

  DType dtype_;
  std::vector<std::int64_t> batch_;
  long m_, n_, k_;
  Operand a_, b_, c_;
};

}  // namespace GRADUS_TARGET
}  // namespace gradus
