// Common chains, compiled whole: one loop in which numbers stay in registers from the first
// operation to the last. Which chains those are stands in forms.hpp, made by native/forms.py from
// the training steps of usual networks; every other chain runs operation by operation (chain.hpp).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "operations.hpp"
#include "instruction.hpp"
#include "simd.hpp"

namespace gradus {
namespace GRADUS_TARGET {

// Where a kernel reads: the next vector lies `step` vectors on, and with 0 it is the same again.
struct Register {
  char* p;
  long step;
};

struct FormStep {
  const char* operation;
  int a, b, c;       // registers: the inputs, then the steps before this one
  bool stays = true;  // whether the value is a result
};

// A chain without its places. Numbers are all of one floating type, or yes and no.
struct Form {
  static constexpr int most_inputs = 16, most_steps = 32;
  int inputs, steps;
  std::array<bool, most_inputs> yes_no;
  std::array<FormStep, most_steps> step;
};

}  // namespace GRADUS_TARGET
}  // namespace gradus

#include "forms.hpp"

namespace gradus {
namespace GRADUS_TARGET {

using Fused = void (*)(const Register* inputs, char* const* results, long n);

namespace fused_detail {

inline constexpr int form_count = static_cast<int>(std::size(forms));

constexpr bool is(const char* x, std::string_view name) { return name == x; }

constexpr bool gives_yes_no(const char* x) {
  return is(x, "equal") || is(x, "not_equal") || is(x, "less") || is(x, "less_equal") ||
         is(x, "greater") || is(x, "greater_equal");
}

// Results among the first steps of a form.
constexpr int results_of(const Form& form, int steps = Form::most_steps) {
  int found = 0;
  for (int s = 0; s < std::min(steps, form.steps); ++s) found += form.step[s].stays;
  return found;
}

// A register of yes and no has all bits of a lane set or none.
template <class T>
using Whole = std::conditional_t<sizeof(T) == 4, i32v, i64v>;

template <class T>
inline vec<T> widened(const std::uint8_t* p) {
#if defined(__AVX512F__)  // GCC 12 takes detours for the general form
  if constexpr (sizeof(T) == 4) {
    i32v ones;
    const auto wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    std::memcpy(&ones, &wide, sizeof ones);
    return bits<vec<T>>(-ones);
  }
#endif
  typedef std::uint8_t bytes __attribute__((vector_size(simd<T>::lanes)));
  bytes b;
  std::memcpy(&b, p, sizeof b);
  return bits<vec<T>>(-__builtin_convertvector(b, Whole<T>));
}

template <class T>
inline void store_yes_no(std::uint8_t* p, vec<T> v, long n) {
  typedef std::uint8_t bytes __attribute__((vector_size(simd<T>::lanes)));
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    __m512i wide;
    std::memcpy(&wide, &v, sizeof wide);
    const auto b = _mm512_cvtepi32_epi8(_mm512_srli_epi32(wide, 31));
    std::memcpy(p, &b, static_cast<std::size_t>(n));
    return;
  }
#endif
  const bytes b = __builtin_convertvector(bits<Whole<T>>(v), bytes) & 1;
  std::memcpy(p, &b, static_cast<std::size_t>(n));
}

template <class T, int K, int S>
[[gnu::always_inline]] inline vec<T> apply(const vec<T>* r) {
  constexpr FormStep s = forms[K].step[S];
  constexpr auto name = std::string_view(s.operation);
  const vec<T> a = r[s.a], b = r[s.b], c = r[s.c];
  if constexpr (name == "add") return a + b;
  else if constexpr (name == "subtract") return a - b;
  else if constexpr (name == "multiply") return a * b;
  else if constexpr (name == "divide") return a / b;
  else if constexpr (name == "negative") return -a;
  else if constexpr (name == "square") return a * a;
  else if constexpr (name == "maximum") return VMaximum::of(a, b);
  else if constexpr (name == "minimum") return VMinimum::of(a, b);
  else if constexpr (name == "abs") return Abs::of(a);
  else if constexpr (name == "sign") return Sign::of(a);
  else if constexpr (name == "sqrt") return Sqrt::of(a);
  else if constexpr (name == "exp") return Exp::of(a);
  else if constexpr (name == "expm1") return Expm1::of(a);
  else if constexpr (name == "log") return Log::of(a);
  else if constexpr (name == "log1p") return Log1p::of(a);
  else if constexpr (name == "logaddexp") return LogAddExp::of(a, b);
  else if constexpr (name == "tanh") return Tanh::of(a);
  else if constexpr (name == "sigmoid") return Sigmoid::of(a);
  else if constexpr (name == "erf") return Erf::of(a);
  else if constexpr (name == "equal") return bits<vec<T>>(a == b);
  else if constexpr (name == "not_equal") return bits<vec<T>>(a != b);
  else if constexpr (name == "less") return bits<vec<T>>(a < b);
  else if constexpr (name == "less_equal") return bits<vec<T>>(a <= b);
  else if constexpr (name == "greater") return bits<vec<T>>(a > b);
  else if constexpr (name == "greater_equal") return bits<vec<T>>(a >= b);
  else if constexpr (name == "astype")  // of yes and no
    return bits<vec<T>>(bits<Whole<T>>(a) & bits<Whole<T>>(splat(T(1))));
  else {
    static_assert(name == "where");
    return select(bits<Whole<T>>(a) != 0, b, c);
  }
}

// Hides where a value comes from, so that no product melts into the next addition: a chain gives the
// same bits whether it is compiled whole or not, and training the same with other outputs beside it.
template <class V>
[[gnu::always_inline]] inline V rounded(V v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#else
  asm("" : "+m"(v));
#endif
  return v;
}

template <class T, int K, int S>
[[gnu::always_inline]] inline void steps(vec<T>* r, char* const* results, long i, long n) {
  constexpr const Form& form = forms[K];
  if constexpr (S < form.steps) {
    r[form.inputs + S] = rounded(apply<T, K, S>(r));
    if constexpr (form.step[S].stays) {
      constexpr int result = results_of(form, S);
      const vec<T> v = r[form.inputs + S];
      if constexpr (gives_yes_no(form.step[S].operation))
        store_yes_no<T>(reinterpret_cast<std::uint8_t*>(results[result]) + i, v, n);
      else if (n == simd<T>::lanes)
        store(reinterpret_cast<T*>(results[result]) + i, v);
      else
        store_first(reinterpret_cast<T*>(results[result]) + i, v, n);
    }
    steps<T, K, S + 1>(r, results, i, n);
  }
}

template <class T, int K, int I>
[[gnu::always_inline]] inline void loads(vec<T>* r, const Register* inputs, long i) {
  if constexpr (I < forms[K].inputs) {
    const long at = i * inputs[I].step;
    if constexpr (forms[K].yes_no[I])
      r[I] = widened<T>(reinterpret_cast<const std::uint8_t*>(inputs[I].p) + at);
    else
      r[I] = load(reinterpret_cast<const T*>(inputs[I].p) + at);
    loads<T, K, I + 1>(r, inputs, i);
  }
}

template <class T, int K>
void run(const Register* inputs, char* const* results, long n) {
  constexpr long L = simd<T>::lanes;
  vec<T> r[forms[K].inputs + forms[K].steps];
  // Copies that no store can change, as far as the compiler knows.
  Register in[forms[K].inputs];
  for (int k = 0; k < forms[K].inputs; ++k) in[k] = inputs[k];
  char* out[results_of(forms[K])];
  for (int k = 0; k < results_of(forms[K]); ++k) out[k] = results[k];
  long i = 0;
  for (; i + L <= n; i += L) {
    loads<T, K, 0>(r, in, i);
    steps<T, K, 0>(r, out, i, L);
  }
  if (i < n) {
    loads<T, K, 0>(r, in, i);
    steps<T, K, 0>(r, out, i, n - i);
  }
}

template <class T, std::size_t... K>
constexpr std::array<Fused, form_count> all(std::index_sequence<K...>) {
  return {run<T, K>...};
}

template <class T>
inline constexpr auto table = all<T>(std::make_index_sequence<form_count>{});

}  // namespace fused_detail

// What tells chains apart: dtypes of the inputs, and of each operation opcode, dtype of the operand
// and of the result, registers, and −1 where it is a result.
struct FormKey {
  std::vector<DType> inputs;
  std::vector<std::int64_t> numbers;
};

// The loop for a chain, or null. Results must be numbered in the order of their operations.
inline Fused find_fused(const FormKey& key) {
  DType number = DType::boolean;
  for (auto t : key.inputs)
    if (t != DType::boolean) number = t;
  if (number != DType::f32 && number != DType::f64) return nullptr;
  for (int k = 0; k < fused_detail::form_count; ++k) {
    const Form& form = forms[k];
    if (static_cast<int>(key.inputs.size()) != form.inputs ||
        static_cast<int>(key.numbers.size()) != 7 * form.steps)
      continue;
    bool same = true;
    for (int i = 0; same && i < form.inputs; ++i)
      same = key.inputs[static_cast<std::size_t>(i)] == (form.yes_no[static_cast<std::size_t>(i)] ? DType::boolean : number);
    for (int s = 0; same && s < form.steps; ++s) {
      const FormStep& step = form.step[static_cast<std::size_t>(s)];
      const auto* n = &key.numbers[static_cast<std::size_t>(7 * s)];
      const DType made = fused_detail::gives_yes_no(step.operation) ? DType::boolean : number;
      same = n[0] == opcode(step.operation) && static_cast<DType>(n[2]) == made &&
             (fused_detail::is(step.operation, "astype") ||
              static_cast<DType>(n[1]) == number) &&
             n[3] == step.a && n[4] == step.b && n[5] == step.c && (n[6] < 0) == step.stays;
    }
    if (same)
      return number == DType::f32 ? fused_detail::table<float>[static_cast<std::size_t>(k)]
                                  : fused_detail::table<double>[static_cast<std::size_t>(k)];
  }
  return nullptr;
}

}  // namespace GRADUS_TARGET
}  // namespace gradus
