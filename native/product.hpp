// The matrix product as an instruction: batched, or one with a chain that takes up what it gives.
#pragma once

#include <optional>
#include <vector>

#include "chain.hpp"
#include "gemm.hpp"
#include "movement.hpp"
#include "instruction.hpp"

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
      own_scratch_ = (then_->scratch_bytes() + 63) / 64 * 64;
    }
    run_ = by_number(dtype_, [&](auto zero) { return choice<decltype(zero)>(); });
  }

  bool parallel() const override { return m_ * n_ * k_ > 1 << 17; }

  std::size_t scratch_bytes() const override {
    return by_number(dtype_, [&](auto zero) -> std::size_t {
      using T = decltype(zero);
      if constexpr (std::is_floating_point_v<T>)
        return gemm_scratch<T>(m_, n_, k_, c_.row, c_.column) + own_scratch_;
      return 0;
    });
  }

  void prepare(char* scratch) override {
    if (!then_ || parallel()) return;
    by_number(dtype_, [&](auto zero) {
      using T = decltype(zero);
      if constexpr (std::is_floating_point_v<T>) prepare_small<T>(scratch);
    });
  }

  void run(int part, int parts, char* scratch) const override { (this->*run_)(part, parts, scratch); }

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
    void fetch(long row0, long row1, long column0, long column1) const {
      product.then_->fetch(product.panel_, row0, row1, column0, column1);
    }
    template <class T>
    void operator()(T* c, long step, long row0, long row1, long column0, long column1) const {
      product.then_->run_on({reinterpret_cast<char*>(c), product.panel_, step, row0, column0}, row1,
                            column1, scratch);
    }
  };

  using Run = void (Product::*)(int, int, char*) const;

  template <class T>
  Run choice() const {
    if constexpr (std::is_floating_point_v<T>) {
      if (then_) return &Product::with_chain<T>;
      if (batch_.size() == 1 && batch_[0] == 1) return &Product::one<T>;
    }
    return &Product::batch<T>;
  }

  template <class T>
  void with_chain(int part, int parts, char* scratch) const {
    multiply<T>(0, 0, 0, part, parts, scratch + own_scratch_, Take{*this, scratch});
  }

  // One tile whose chain is one block, as in tiny networks: all addresses stand beforehand.
  template <class T>
  void prepare_small(char* scratch) {
    if (!gemm_detail::is_one_tile<T>({m_, n_, k_})) return;
    char* const own = scratch + own_scratch_;
    small_row_ = takes_all_ ? n_ : c_.row;
    small_c_ = c_.base;
    if (takes_all_)  // behind the room for B
      small_c_ = own + static_cast<long>(sizeof(T)) * simd<T>::lanes * (k_ + 4);
    if (then_->prepare_on({small_c_, panel_, small_row_, 0, 0}, scratch))
      run_ = &Product::small<T>;
  }

  template <class T>
  void small(int, int, char* scratch) const {
    const T* b = reinterpret_cast<const T*>(b_.base);
    long b_row = b_.row;
    if ((b_.column != 1 && n_ > 1) || (!masks_are_free && n_ < simd<T>::lanes)) {
      T* const room = reinterpret_cast<T*>(scratch + own_scratch_);
      gemm_detail::pack<T, vector_bytes>(b, b_.column, b_row, n_, k_, room, simd<T>::lanes);
      b = room;
      b_row = simd<T>::lanes;
    }
    gemm_detail::tiles<T>.of[0][m_ - 1](k_, reinterpret_cast<const T*>(a_.base), a_.row, a_.column,
                                        b, b_row, reinterpret_cast<T*>(small_c_), small_row_, n_,
                                        false);
    then_->run_ready();
  }

  template <class T>
  void one(int part, int parts, char* scratch) const {
    multiply<T>(0, 0, 0, part, parts, scratch, NoEpilogue{});
  }

  template <class T>
  void batch(int part, int parts, char* scratch) const {
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
      if constexpr (std::is_floating_point_v<T>)
        multiply<T>(ia, ib, ic, part, parts, scratch, NoEpilogue{});
      else
        whole<T>(ia, ib, ic, part, parts);
    }
  }

  template <class T, class Epilogue>
  void multiply(long a, long b, long c, int part, int parts, char* scratch,
                Epilogue epilogue) const {
    gemm<T>(m_, n_, k_, reinterpret_cast<const T*>(a_.base) + a, a_.row, a_.column,
            reinterpret_cast<const T*>(b_.base) + b, b_.row, b_.column,
            reinterpret_cast<T*>(c_.base) + c, c_.row, c_.column, part, parts, scratch,
            epilogue);
  }

  // Integers and booleans: rare, so plain.
  template <class T>
  void whole(long ia, long ib, long ic, int part, int parts) const {
    auto* a = reinterpret_cast<const T*>(a_.base) + ia;
    auto* b = reinterpret_cast<const T*>(b_.base) + ib;
    auto* c = reinterpret_cast<T*>(c_.base) + ic;
    for (long i = m_ * part / parts; i < m_ * (part + 1) / parts; ++i)
      for (long j = 0; j < n_; ++j) {
        T sum = 0;
        for (long k = 0; k < k_; ++k)
          sum = plus(sum, times(a[i * a_.row + k * a_.column], b[k * b_.row + j * b_.column]));
        c[i * c_.row + j * c_.column] = sum;
      }
  }

  DType dtype_;
  std::vector<std::int64_t> batch_;
  long m_, n_, k_;
  Operand a_, b_, c_;
  std::optional<Chain> then_;
  std::size_t panel_ = 0, own_scratch_ = 0;
  bool takes_all_ = false;
  Run run_;
  char* small_c_ = nullptr;
  long small_row_ = 0;
};

}  // namespace GRADUS_TARGET
}  // namespace gradus
