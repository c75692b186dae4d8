// The elementwise operations: each as an expression, and as a kernel over a block of numbers.
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "numbers.hpp"
#include "instruction.hpp"
#include "simd.hpp"
#include "vecmath.hpp"

namespace gradus {
namespace GRADUS_TARGET {

// d[i] = f(a[i·sa], b[i·sb], c[i·sc]); a step of 0 repeats the first vector of an operand, which
// then holds one number in every lane.
using Kernel = void (*)(void* d, const void* a, long sa, const void* b, long sb, const void* c,
                        long sc, long n);

// Whole vectors, then one padded vector whose surplus lanes are not stored. Reading beyond the end
// of an operand is safe: the arena is padded.
template <class D, class A, class F>
inline void each(void* d, const void* a, long sa, const void* b, long sb, long n, F f) {
  constexpr long L = simd<A>::lanes;
  auto* out = static_cast<D*>(d);
  auto* x = static_cast<const A*>(a);
  auto* y = static_cast<const A*>(b);
  long i = 0;
  for (; i + L <= n; i += L) f(out + i, load(x + i * sa), load(y + i * sb), L);
  if (i < n) f(out + i, load(x + i * sa), load(y + i * sb), n - i);
}

template <class T>
inline void put(T* p, vec<T> v, long n) {
  if (n == simd<T>::lanes)
    store(p, v);
  else
    std::memcpy(p, &v, static_cast<std::size_t>(n) * sizeof(T));
}

template <class T, class F>
void map1(void* d, const void* a, long sa, const void*, long, const void*, long, long n) {
  each<T, T>(d, a, sa, a, sa, n, [](T* p, vec<T> x, vec<T>, long k) { put<T>(p, F::of(x), k); });
}

template <class T, class F>
void map2(void* d, const void* a, long sa, const void* b, long sb, const void*, long, long n) {
  each<T, T>(d, a, sa, b, sb, n, [](T* p, vec<T> x, vec<T> y, long k) { put<T>(p, F::of(x, y), k); });
}

// Runs a loop with its steps known to the compiler, 1 or 0, so that it can be vectorised.
template <class F>
inline void with_steps(long sa, long sb, F f) {
  using one = std::integral_constant<long, 1>;
  using zero = std::integral_constant<long, 0>;
  if (sa && sb)
    f(one{}, one{});
  else if (sa)
    f(one{}, zero{});
  else if (sb)
    f(zero{}, one{});
  else
    f(zero{}, zero{});
}

// Comparisons give bytes 0 and 1.
template <class T, class F>
void compare(void* d, const void* a, long sa, const void* b, long sb, const void*, long, long n) {
  auto* __restrict out = static_cast<std::uint8_t*>(d);
  auto* x = static_cast<const T*>(a);
  auto* y = static_cast<const T*>(b);
  with_steps(sa, sb, [&](auto p, auto q) {
    for (long i = 0; i < n; ++i) out[i] = F::of(x[i * p], y[i * q]);
  });
}

// A choice without branches: the condition is as good as random.
template <class T>
void choose(void* d, const void* a, long sa, const void* b, long sb, const void* c, long sc,
            long n) {
  auto* out = static_cast<T*>(d);
  auto* m = static_cast<const std::uint8_t*>(a);
  auto* x = static_cast<const T*>(b);
  auto* y = static_cast<const T*>(c);
  if (sa == 0) {
    const T* chosen = m[0] ? x : y;
    const long step = m[0] ? sb : sc;
    for (long i = 0; i < n; ++i) out[i] = chosen[i * step];
    return;
  }
  with_steps(sb, sc, [&](auto p, auto q) {
    for (long i = 0; i < n; ++i) {
      const T keep = static_cast<T>(-static_cast<T>(m[i] != 0));  // all bits, or none
      out[i] = static_cast<T>((x[i * p] & keep) | (y[i * q] & static_cast<T>(~keep)));
    }
  });
}

template <class D, class A>
void cast(void* d, const void* a, long sa, const void*, long, const void*, long, long n) {
  auto* out = static_cast<D*>(d);
  auto* x = static_cast<const A*>(a);
  with_steps(sa, 1, [&](auto p, auto) {
    for (long i = 0; i < n; ++i) out[i] = static_cast<D>(x[i * p]);
  });
}

template <class A>
void to_boolean(void* d, const void* a, long sa, const void*, long, const void*, long, long n) {
  auto* out = static_cast<std::uint8_t*>(d);
  auto* x = static_cast<const A*>(a);
  for (long i = 0; i < n; ++i) out[i] = x[i * sa] != A(0);
}

template <class T, class F>
void scalar1(void* d, const void* a, long sa, const void*, long, const void*, long, long n) {
  auto* out = static_cast<T*>(d);
  auto* x = static_cast<const T*>(a);
  for (long i = 0; i < n; ++i) out[i] = F::of(x[i * sa]);
}

template <class T, class F>
void scalar2(void* d, const void* a, long sa, const void* b, long sb, const void*, long, long n) {
  auto* out = static_cast<T*>(d);
  auto* x = static_cast<const T*>(a);
  auto* y = static_cast<const T*>(b);
  for (long i = 0; i < n; ++i) out[i] = F::of(x[i * sa], y[i * sb]);
}

// ── The operations ──────────────────────────────────────────────────────────────────────────────

#define UNARY(name, expression)        \
  struct name {                        \
    template <class V>                 \
    static inline V of(V x) {          \
      return expression;               \
    }                                  \
  };
#define BINARY(name, expression)       \
  struct name {                        \
    template <class V>                 \
    static inline V of(V x, V y) {     \
      return expression;               \
    }                                  \
  };
#define RELATION(name, expression)                    \
  struct name {                                       \
    template <class T>                                \
    static inline std::uint8_t of(T x, T y) {         \
      return expression;                              \
    }                                                 \
  };

BINARY(Add, x + y)
BINARY(Subtract, x - y)
BINARY(Multiply, x* y)
BINARY(Divide, x / y)
UNARY(Negative, -x)
UNARY(Square, x* x)
UNARY(Same, x)
// NumPy's: NaN if either is.
BINARY(Maximum, (x > y || x != x) ? x : y)
BINARY(Minimum, (x < y || x != x) ? x : y)
struct VMaximum {
  template <class V>
  static inline V of(V x, V y) {
    return ((x > y) | (x != x)) ? x : y;
  }
};
struct VMinimum {
  template <class V>
  static inline V of(V x, V y) {
    return ((x < y) | (x != x)) ? x : y;
  }
};
UNARY(Sqrt, GRADUS_TARGET::sqrt(x))
UNARY(Exp, GRADUS_TARGET::exp(x))
UNARY(Expm1, GRADUS_TARGET::expm1(x))
UNARY(Log, GRADUS_TARGET::log(x))
UNARY(Log1p, GRADUS_TARGET::log1p(x))
UNARY(Tanh, GRADUS_TARGET::tanh(x))
UNARY(Sigmoid, GRADUS_TARGET::sigmoid(x))
UNARY(Erf, GRADUS_TARGET::erf(x))
UNARY(Sin, GRADUS_TARGET::sin(x))
UNARY(Cos, GRADUS_TARGET::cos(x))
BINARY(LogAddExp, GRADUS_TARGET::logaddexp(x, y))
BINARY(Power, GRADUS_TARGET::pow(x, y))
BINARY(IntAdd, plus(x, y))
BINARY(IntSubtract, minus(x, y))
BINARY(IntMultiply, times(x, y))
UNARY(IntNegative, minus(V(0), x))
UNARY(IntSquare, times(x, x))
UNARY(IntAbs, x < 0 ? minus(V(0), x) : x)
UNARY(IntSign, V((x > 0) - (x < 0)))
BINARY(Shift, shifted_right(x, y))
BINARY(Or, V(x | y))
BINARY(And, V(x& y))
UNARY(Not, V(!x))
RELATION(Equal, x == y)
RELATION(NotEqual, x != y)
RELATION(Less, x < y)
RELATION(LessEqual, x <= y)
RELATION(Greater, x > y)
RELATION(GreaterEqual, x >= y)
RELATION(IsFinite, (void(y), std::is_integral_v<T> || x - x == 0))
#undef UNARY
#undef BINARY
#undef RELATION

struct Sign {
  template <class V>
  static inline V of(V x) {
    V zero{};
    V one = zero + 1;
    V s = x > zero ? one : (x < zero ? -one : zero);
    return x != x ? x : s;
  }
};
// |x| by clearing the sign bit: right for −0 and NaN.
struct Abs {
  static inline f32v of(f32v x) { return bits<f32v>(bits<i32v>(x) & 0x7fffffff); }
  static inline f64v of(f64v x) { return bits<f64v>(bits<i64v>(x) & 0x7fffffffffffffffLL); }
};
inline constexpr const char* operation_names[] = {
    "add",     "subtract",   "multiply",  "divide",        "negative",    "square",
    "power",   "maximum",    "minimum",   "abs",           "sign",        "sqrt",
    "exp",     "expm1",      "log",       "log1p",         "logaddexp",   "sin",
    "cos",     "tanh",       "sigmoid",   "erf",           "equal",       "not_equal",
    "less",    "less_equal", "greater",   "greater_equal", "logical_and", "logical_or",
    "logical_not", "isfinite", "where",   "astype",        "bitwise_right_shift", "stop_gradient"};

constexpr int opcode(std::string_view name) {
  int k = 0;
  for (auto* known : operation_names) {
    if (name == known) return k;
    ++k;
  }
  return -1;
}

template <class T>
Kernel relation(const std::string& n) {
  if (n == "equal") return compare<T, Equal>;
  if (n == "not_equal") return compare<T, NotEqual>;
  if (n == "less") return compare<T, Less>;
  if (n == "less_equal") return compare<T, LessEqual>;
  if (n == "greater") return compare<T, Greater>;
  if (n == "greater_equal") return compare<T, GreaterEqual>;
  return nullptr;
}

template <class T>
Kernel float_kernel(const std::string& n) {
  if (n == "add") return map2<T, Add>;
  if (n == "subtract") return map2<T, Subtract>;
  if (n == "multiply") return map2<T, Multiply>;
  if (n == "divide") return map2<T, Divide>;
  if (n == "negative") return map1<T, Negative>;
  if (n == "square") return map1<T, Square>;
  if (n == "power") return map2<T, Power>;
  if (n == "maximum") return map2<T, VMaximum>;
  if (n == "minimum") return map2<T, VMinimum>;
  if (n == "abs") return map1<T, Abs>;
  if (n == "sign") return map1<T, Sign>;
  if (n == "sqrt") return map1<T, Sqrt>;
  if (n == "exp") return map1<T, Exp>;
  if (n == "expm1") return map1<T, Expm1>;
  if (n == "log") return map1<T, Log>;
  if (n == "log1p") return map1<T, Log1p>;
  if (n == "logaddexp") return map2<T, LogAddExp>;
  if (n == "sin") return map1<T, Sin>;
  if (n == "cos") return map1<T, Cos>;
  if (n == "tanh") return map1<T, Tanh>;
  if (n == "sigmoid") return map1<T, Sigmoid>;
  if (n == "erf") return map1<T, Erf>;
  if (n == "isfinite") return compare<T, IsFinite>;
  return relation<T>(n);
}

template <class T>
Kernel integer_kernel(const std::string& n) {
  if (n == "add") return scalar2<T, IntAdd>;
  if (n == "subtract") return scalar2<T, IntSubtract>;
  if (n == "multiply") return scalar2<T, IntMultiply>;
  if (n == "negative") return scalar1<T, IntNegative>;
  if (n == "square") return scalar1<T, IntSquare>;
  if (n == "maximum") return scalar2<T, Maximum>;
  if (n == "minimum") return scalar2<T, Minimum>;
  if (n == "abs") return scalar1<T, IntAbs>;
  if (n == "sign") return scalar1<T, IntSign>;
  if (n == "bitwise_right_shift") return scalar2<T, Shift>;
  if (n == "isfinite") return compare<T, IsFinite>;
  return relation<T>(n);
}

inline Kernel boolean_kernel(const std::string& n) {
  using B = std::uint8_t;
  if (n == "logical_and" || n == "multiply" || n == "minimum") return scalar2<B, And>;
  if (n == "logical_or" || n == "add" || n == "maximum") return scalar2<B, Or>;
  if (n == "logical_not") return scalar1<B, Not>;
  if (n == "abs") return scalar1<B, Same>;
  if (n == "isfinite") return compare<B, Equal>;  // of a with itself: always true
  return relation<B>(n);
}

template <class A>
Kernel cast_from(DType to) {
  switch (to) {
    case DType::boolean:
      return to_boolean<A>;
    case DType::u32:
      return cast<std::uint32_t, A>;
    case DType::i32:
      return cast<std::int32_t, A>;
    case DType::i64:
      return cast<std::int64_t, A>;
    case DType::f32:
      return cast<float, A>;
    default:
      return cast<double, A>;
  }
}

// Kernel of an operation whose first (for where: second) operand has the dtype `from`.
inline Kernel kernel_of(const std::string& n, DType from, DType to) {
  if (n == "where" || n == "stop_gradient") {
    const bool copy = n == "stop_gradient";
    switch (size_of(from)) {
      case 1:
        return copy ? static_cast<Kernel>(scalar1<std::uint8_t, Same>) : choose<std::uint8_t>;
      case 4:
        return copy ? static_cast<Kernel>(scalar1<std::uint32_t, Same>) : choose<std::uint32_t>;
      default:
        return copy ? static_cast<Kernel>(scalar1<std::uint64_t, Same>) : choose<std::uint64_t>;
    }
  }
  switch (from) {
    case DType::boolean:
      return n == "astype" ? cast_from<std::uint8_t>(to) : boolean_kernel(n);
    case DType::u32:
      return n == "astype" ? cast_from<std::uint32_t>(to) : integer_kernel<std::uint32_t>(n);
    case DType::i32:
      return n == "astype" ? cast_from<std::int32_t>(to) : integer_kernel<std::int32_t>(n);
    case DType::i64:
      return n == "astype" ? cast_from<std::int64_t>(to) : integer_kernel<std::int64_t>(n);
    case DType::f32:
      return n == "astype" ? cast_from<float>(to) : float_kernel<float>(n);
    default:
      return n == "astype" ? cast_from<double>(to) : float_kernel<double>(n);
  }
}

}  // namespace GRADUS_TARGET
}  // namespace gradus
