// vecmath.hpp against the C library in a wider type: largest error in ulp, special values, symmetry, and
// that a lane's result depends on its own argument alone.
//
// CMakeLists.txt builds it for each target; make native-test runs it.
//   vecmath_test_v3           a few million arguments of every function and type
//   vecmath_test_v3 --all     all 2^32 floats of every function of one argument (minutes)
//   vecmath_test_v3 --speed   nanoseconds an element
//
// (logaddexp of doubles is not put to the test where its terms cancel: the reference is no better there.)
// Exit status 1 if anything is off by more than 2 ulp or a special value is wrong.
#include "../vecmath.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace native = gradus::GRADUS_TARGET;
using native::simd;

constexpr double bound = 2;  // ulp

// The references, in double for float and in long double for double.
template <class R>
R reference_sigmoid(R x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}

template <class R>
R reference_logaddexp(R a, R b) {
  if (std::isnan(a) || std::isnan(b)) return a + b;
  if (a == b) return a + std::log(R(2));
  return std::max(a, b) + std::log1p(std::exp(-std::fabs(a - b)));
}

template <class T>
struct wider;
template <>
struct wider<float> {
  using type = double;
};
template <>
struct wider<double> {
  using type = long double;
};

// A function of one argument (b unused) or two, over an array whose length the lanes divide.
template <class T>
struct subject {
  const char* name;
  int arguments;
  bool odd;
  void (*run)(const T* a, const T* b, T* y, std::size_t count);
  typename wider<T>::type (*reference)(T a, T b);
};

template <class T>
std::vector<subject<T>> subjects() {
  using R = typename wider<T>::type;
  constexpr int lanes = simd<T>::lanes;
#define ONE(name, odd, expected)                                                                          \
  subject<T> {                                                                                            \
    #name, 1, odd,                                                                                        \
        [](const T* a, const T*, T* y, std::size_t count) {                                               \
          for (std::size_t i = 0; i < count; i += lanes) native::store(y + i, native::name(native::load(a + i))); \
        },                                                                                                \
        [](T a, T) -> R { R x = a; return expected; }                                                     \
  }
#define TWO(name, expected)                                                                               \
  subject<T> {                                                                                            \
    #name, 2, false,                                                                                      \
        [](const T* a, const T* b, T* y, std::size_t count) {                                             \
          for (std::size_t i = 0; i < count; i += lanes)                                                  \
            native::store(y + i, native::name(native::load(a + i), native::load(b + i)));                 \
        },                                                                                                \
        [](T a, T b) -> R { R x = a, z = b; return expected; }                                            \
  }
  return {ONE(exp, false, std::exp(x)),     ONE(expm1, false, std::expm1(x)),
          ONE(log, false, std::log(x)),     ONE(log1p, false, std::log1p(x)),
          ONE(tanh, true, std::tanh(x)),    ONE(sigmoid, false, reference_sigmoid(x)),
          ONE(erf, true, std::erf(x)),      ONE(sin, true, std::sin(x)),
          ONE(cos, false, std::cos(x)),     ONE(sqrt, false, std::sqrt(x)),
          TWO(logaddexp, (reference_logaddexp<long double>(x, z))),
          TWO(pow, std::pow(x, z))};
#undef ONE
#undef TWO
}

// floor(log2 |x|) and 2^n, for doubles quick enough to be asked 2^32 times.
int exponent_of(double x) {
  std::uint64_t pattern;
  std::memcpy(&pattern, &x, sizeof x);
  return static_cast<int>(pattern >> 52 & 0x7ff) - 1023;
}
int exponent_of(long double x) { return std::ilogb(x); }

template <class R>
R power_of_two(int n) {
  if constexpr (std::is_same_v<R, long double>) return std::ldexp(1.0L, n);
  const std::uint64_t pattern = static_cast<std::uint64_t>(n + 1023) << 52;
  double power;
  std::memcpy(&power, &pattern, sizeof power);
  return power;
}

// The distance in units of the last place that T has at the true value; infinite if a special value is wrong.
template <class T, class R>
double error_in_ulp(T got, R truth) {
  using limits = std::numeric_limits<T>;
  const double wrong = std::numeric_limits<double>::infinity();
  if (std::isnan(truth) || std::isnan(got)) return std::isnan(truth) && std::isnan(got) ? 0 : wrong;
  if (truth == 0) return got == 0 && std::signbit(got) == std::signbit(truth) ? 0 : wrong;
  if (std::isinf(truth)) return got == truth ? 0 : wrong;
  if (got == 0 && std::signbit(got) != std::signbit(truth)) return wrong;
  // A true value past the largest number may round to infinity.
  if (std::isinf(got) && std::fabs(truth) > R(limits::max())) {
    return std::signbit(got) == std::signbit(truth) ? 0 : wrong;
  }
  const int exponent = std::clamp(exponent_of(truth), limits::min_exponent - 1, limits::max_exponent - 1);
  const R unit = power_of_two<R>(exponent - (limits::digits - 1));
  return static_cast<double>(std::min(std::fabs(R(got) - truth) / unit, R(wrong)));
}

template <class T>
struct worst {
  double error = 0;
  T a = 0, b = 0, got = 0;

  void see(double e, T at_a, T at_b, T y) {
    if (e > error) error = e, a = at_a, b = at_b, got = y;
  }
};

constexpr std::size_t batch_size = 1 << 14;

// Arguments and results of one batch; a thread keeps its own.
template <class T>
struct numbers {
  std::vector<T> a = std::vector<T>(batch_size), b = a, y = a;
};

template <class T>
void compare(const subject<T>& f, numbers<T>& n, worst<T>& w) {
  f.run(n.a.data(), n.b.data(), n.y.data(), batch_size);
  for (std::size_t i = 0; i < batch_size; ++i) {
    const auto truth = f.reference(n.a[i], n.b[i]);
    // Most results are the nearest number there is, and need no measuring once one was half a unit off.
    if (w.error >= 0.5 && n.y[i] == static_cast<T>(truth) && n.y[i] != 0) continue;
    w.see(error_in_ulp(n.y[i], truth), n.a[i], n.b[i], n.y[i]);
  }
}

template <class T>
bool report(const subject<T>& f, const worst<T>& w) {
  const bool good = w.error <= bound;
  std::printf("%-8s %-10s %8.4f ulp at %.17g", sizeof(T) == 4 ? "float" : "double", f.name, w.error, double(w.a));
  if (f.arguments == 2) std::printf(", %.17g", double(w.b));
  std::printf("%s\n", good ? "" : "   TOO MUCH");
  std::fflush(stdout);
  return good;
}

template <class T>
std::vector<T> special_values() {
  using limits = std::numeric_limits<T>;
  std::vector<T> values;
  for (T x : {T(0), limits::denorm_min(), 3 * limits::denorm_min(), limits::min() / 2, limits::min(), limits::epsilon(),
              T(0.25), T(0.5), T(0.55), T(0.75), T(1), std::nextafter(T(1), T(0)), std::nextafter(T(1), T(2)), T(1.5),
              T(2), T(3), T(1.5707963267948966), T(3.141592653589793), T(87.5), T(88.7228), T(89), T(103.9), T(104.5),
              T(708.4), T(709.78), T(710), T(744.4), T(745.2), T(746), T(499999), T(500001), T(1e10), T(1e30),
              limits::max() / 2, limits::max(), limits::infinity(), limits::quiet_NaN()}) {
    values.push_back(x);
    values.push_back(-x);
  }
  return values;
}

// A quarter each of any bits at all, and of the ranges where the functions do their work.
template <class T>
T sample(std::mt19937_64& random) {
  using words = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const double uniform = double(random() >> 11) * 0x1p-52 - 1;
  switch (random() % 8) {
    case 0:
    case 1: {
      const words any_bits = static_cast<words>(random());
      T x;
      std::memcpy(&x, &any_bits, sizeof x);
      return x;
    }
    case 2:
    case 3: return T(uniform * 1.5);
    case 4: return T(uniform * 10);
    case 5: return T(uniform * 110);
    case 6: return T(uniform * (sizeof(T) == 4 ? 110 : 760));
    default: return T(std::ldexp(1 + uniform * 0.5, -int(random() % 40)));
  }
}

// Batches shared among all cores: fill(batch, numbers) and compare, for every batch. On a terminal it shows how
// far it is.
template <class T, class Fill>
bool check_batches(const subject<T>& f, std::uint64_t batches, Fill fill) {
  const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<worst<T>> seen(threads);
  std::atomic<std::uint64_t> next{0};
  const auto run = [&](unsigned thread) {
    numbers<T> n;
    for (std::uint64_t batch; (batch = next++) < batches;) {
      fill(batch, n);
      compare(f, n, seen[thread]);
      if (thread == 0 && batch % 256 == 0 && isatty(STDERR_FILENO))
        std::fprintf(stderr, "\r%-10s %3d %%\r", f.name, static_cast<int>(100 * batch / batches));
    }
  };
  std::vector<std::thread> others;
  for (unsigned thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
  run(0);
  for (std::thread& other : others) other.join();
  return report(f, *std::max_element(seen.begin(), seen.end(),
                                     [](auto& a, auto& b) { return a.error < b.error; }));
}

template <class T>
bool check_samples() {
  bool good = true;
  for (const subject<T>& f : subjects<T>()) {
    good &= check_batches(f, 240, [](std::uint64_t batch, numbers<T>& n) {
      std::mt19937_64 random(batch + 1);
      for (T& x : n.a) x = sample<T>(random);
      for (T& x : n.b) x = sample<T>(random);
    });
  }
  return good;
}

template <class T>
bool fails(const subject<T>& f, const char* what, T a, T b, T got) {
  std::printf("%s %s(%.9g, %.9g) = %.9g: %s\n", sizeof(T) == 4 ? "float" : "double", f.name, double(a), double(b),
              double(got), what);
  return false;
}

template <class T>
bool same(T x, T y) {
  return std::memcmp(&x, &y, sizeof x) == 0 || (std::isnan(x) && std::isnan(y));
}

// Special values against the reference and among arbitrary neighbours; odd symmetry; exact ends.
template <class T>
bool check_specials() {
  constexpr int lanes = simd<T>::lanes;
  bool good = true;
  std::mt19937_64 random(7);
  for (const subject<T>& f : subjects<T>()) {
    auto at = [&](T x, T z) {
      std::vector<T> a(lanes, x), b(lanes, z), y(lanes);
      f.run(a.data(), b.data(), y.data(), lanes);
      return y[0];
    };
    std::vector<T> values = special_values<T>();
    for (T a : values) {
      for (T b : f.arguments == 2 ? values : std::vector<T>{0}) {
        const T y = at(a, b);
        if (!(error_in_ulp(y, f.reference(a, b)) <= bound)) good = fails(f, "wrong", a, b, y);
      }
    }
    for (int i = 0; i < 3000; ++i) values.push_back(sample<T>(random));
    for (T x : values) {
      if (f.odd && !same(at(-x, 0), -at(x, 0))) good = fails(f, "not odd", x, T(0), at(x, 0));
      const int lane = static_cast<int>(random() % lanes);
      std::vector<T> a(lanes), b(lanes), y(lanes);
      for (T& value : a) value = values[random() % values.size()];
      for (T& value : b) value = values[random() % values.size()];
      a[lane] = x;
      f.run(a.data(), b.data(), y.data(), lanes);
      if (!same(y[lane], at(x, b[lane]))) good = fails(f, "depends on its neighbours", x, b[lane], y[lane]);
    }
    auto exactly = [&](const char* name, T x, T expected) {
      if (std::strcmp(name, f.name) == 0 && !same(at(x, 0), expected)) good = fails(f, "not exact", x, T(0), at(x, 0));
    };
    exactly("exp", 0, 1), exactly("cos", 0, 1), exactly("log", 1, 0), exactly("sigmoid", 0, T(0.5));
    exactly("sigmoid", 50, 1), exactly("tanh", 50, 1), exactly("erf", 50, 1), exactly("expm1", -50, -1);
  }
  return good;
}

bool check_all_floats() {
  bool good = true;
  for (const subject<float>& f : subjects<float>()) {
    if (f.arguments == 2) continue;
    good &= check_batches(f, (std::uint64_t(1) << 32) / batch_size, [](std::uint64_t batch, numbers<float>& n) {
      for (std::size_t i = 0; i < batch_size; ++i) {
        const std::uint32_t pattern = static_cast<std::uint32_t>(batch * batch_size + i);
        std::memcpy(&n.a[i], &pattern, sizeof pattern);
      }
    });
  }
  return good;
}

// The best of many runs over arrays that fit the first-level cache.
template <class T>
void measure_speed() {
  constexpr std::size_t count = 2048;
  std::mt19937_64 random(1);
  std::vector<T> a(count), b(count), y(count);
  for (const subject<T>& f : subjects<T>()) {
    // Between -4 and 4, or 0 and 4 for those that are NaN below.
    const auto is = [&](const char* name) { return std::strcmp(f.name, name) == 0; };
    const bool positive = is("sqrt") || is("pow") || is("log") || is("log1p");
    for (T& x : b) x = T(double(random() >> 11) * 0x1p-50 - 4);
    for (T& x : a) {
      x = T(double(random() >> 11) * 0x1p-50 - 4);
      if (positive) x = std::fabs(x);
    }
    double best = 1e9;
    for (int round = 0; round < 300; ++round) {
      const auto start = std::chrono::steady_clock::now();
      for (int repeat = 0; repeat < 10; ++repeat) {
        f.run(a.data(), b.data(), y.data(), count);
        asm volatile("" : : "r"(y.data()) : "memory");
      }
      const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
      best = std::min(best, taken.count() / (10 * count));
    }
    std::printf("%-8s %-10s %7.3f ns an element %7.2f ns a vector\n", sizeof(T) == 4 ? "float" : "double", f.name, best,
                best * simd<T>::lanes);
  }
}

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--speed") == 0) {
    measure_speed<float>();
    measure_speed<double>();
    return 0;
  }
  if (argc > 1 && std::strcmp(argv[1], "--all") == 0) return check_all_floats() ? 0 : 1;
  const bool specials[] = {check_specials<float>(), check_specials<double>()};
  const bool samples[] = {check_samples<float>(), check_samples<double>()};
  return specials[0] && specials[1] && samples[0] && samples[1] ? 0 : 1;
}
