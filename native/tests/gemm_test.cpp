// gemm.hpp: every combination of strides against a triple loop in double precision, the promise
// about bits, the epilogue; `--few` checks a seventh of it, `--speed` prints GF/s for the products of the
// five workloads.
//
// CMakeLists.txt builds it for each target; make native-test and make sanitize run it. Every array is
// allocated at its exact size, so that the address sanitizer sees each step beyond.
#include "../gemm.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace gradus::GRADUS_TARGET;

namespace {

int failures = 0;

void fail(const std::string& what) {
  if (++failures <= 20) std::printf("FAILED %s\n", what.c_str());
}

// A matrix on exactly as much memory as it needs; `kind` is the layout.
enum Layout { by_row, by_column, padded_rows, padded_columns, scattered, layouts };

template <class T>
struct Matrix {
  long rows, columns, row = 0, column = 0, size = 0;
  std::unique_ptr<T[]> data;

  Matrix(long m, long n, int layout) : rows(m), columns(n) {
    switch (layout) {
      case by_row: row = n, column = 1; break;
      case by_column: row = 1, column = m; break;
      case padded_rows: row = n + 3, column = 1; break;
      case padded_columns: row = 1, column = m + 5; break;
      default: row = 2 * n + 1, column = 2;
    }
    size = m && n ? (m - 1) * row + (n - 1) * column + 1 : 0;
    data.reset(new T[static_cast<std::size_t>(size)]);
  }
  T& at(long i, long j) { return data[i * row + j * column]; }
  const T& at(long i, long j) const { return data[i * row + j * column]; }
  T* begin() { return data.get(); }
};

std::mt19937 random_bits(1);

template <class T>
void fill(Matrix<T>& m) {
  for (long i = 0; i < m.size; ++i)
    m.data[i] = static_cast<T>(static_cast<double>(random_bits()) / 2147483648.0 - 1);
}

template <class T, class Epilogue = NoEpilogue>
void multiply(Matrix<T>& a, Matrix<T>& b, Matrix<T>& c, int parts, Epilogue epilogue = {}) {
  const std::size_t bytes = gemm_scratch<T>(c.rows, c.columns, a.columns, c.row, c.column);
  for (int part = 0; part < parts; ++part) {
    std::unique_ptr<char[]> scratch(new char[bytes]);
    gemm<T>(c.rows, c.columns, a.columns, a.begin(), a.row, a.column, b.begin(), b.row, b.column,
            c.begin(), c.row, c.column, part, parts, scratch.get(), epilogue);
  }
}

template <class T>
std::string name(const Matrix<T>& a, const Matrix<T>& b, const Matrix<T>& c, int parts) {
  char text[200];
  std::snprintf(text, sizeof text, "f%zu %ldx%ldx%ld A(%ld,%ld) B(%ld,%ld) C(%ld,%ld) parts %d",
                8 * sizeof(T), c.rows, c.columns, a.columns, a.row, a.column, b.row, b.column,
                c.row, c.column, parts);
  return text;
}

// An epilogue that adds 3, says how often it had each element, and that it had no others. With `all`,
// nothing but what it writes is looked at afterwards.
template <class T>
struct AddThree {
  Matrix<T>*c, *seen;
  bool all, *sound;

  bool takes_all() const { return all; }
  void fetch(long row0, long row1, long column0, long column1) const {
    *sound = *sound && inside(row0, row1, column0, column1);
  }
  void operator()(T* p, long step, long row0, long row1, long column0, long column1) const {
    const bool here = c->column == 1 && p == &c->at(row0, column0) && step == c->row;
    *sound = *sound && inside(row0, row1, column0, column1) && (here || all);
    if (!*sound) return;
    for (long i = row0; i < row1; ++i)
      for (long j = column0; j < column1; ++j) {
        seen->at(i, j) += 1;
        c->at(i, j) = p[(i - row0) * step + j - column0] + 3;
      }
  }
  bool inside(long row0, long row1, long column0, long column1) const {
    return 0 <= row0 && row0 < row1 && row1 <= c->rows && 0 <= column0 && column0 < column1 &&
           column1 <= c->columns;
  }
};

// One product: right, untouched between C's elements; and where its layout allows an epilogue, each
// element is finished exactly once.
template <class T>
void check(long M, long N, long K, int la, int lb, int lc, bool all, int parts) {
  Matrix<T> a(M, K, la), b(K, N, lb), c(M, N, lc), seen(M, N, by_row);
  fill(a), fill(b), fill(c);
  Matrix<T> before(M, N, lc);
  std::copy(c.begin(), c.begin() + c.size, before.begin());
  std::fill(seen.begin(), seen.begin() + seen.size, T(0));
  const bool with_epilogue = c.column == 1;
  bool sound = true;
  if (with_epilogue)
    multiply(a, b, c, parts, AddThree<T>{&c, &seen, all, &sound});
  else
    multiply(a, b, c, parts);
  const double added = with_epilogue ? 3 : 0;
  bool right = true, once = true;
  for (long m = 0; m < M; ++m)
    for (long n = 0; n < N; ++n) {
      double sum = 0, size = added;
      for (long k = 0; k < K; ++k) {
        const double term = static_cast<double>(a.at(m, k)) * b.at(k, n);
        sum += term, size += std::fabs(term);
      }
      // K roundings of partial sums no larger than `size`, and one in the epilogue.
      const double bound = (K + 2) * size * std::numeric_limits<T>::epsilon();
      right = right && std::fabs(c.at(m, n) - (sum + added)) <= bound;
      once = once && seen.at(m, n) == with_epilogue;
      c.at(m, n) = before.at(m, n);  // what is left must be the gaps
    }
  if (!sound) fail("rectangle of the epilogue " + name(a, b, c, parts));
  if (!right) fail("values " + name(a, b, c, parts));
  if (!once) fail("epilogue " + name(a, b, c, parts));
  if (!std::equal(c.begin(), c.begin() + c.size, before.begin()))
    fail("written between the elements " + name(a, b, c, parts));
}

// The bits of an element depend on its row of A, its column of B and K, and on nothing else: here
// each product is compared with the 1 × 1 products of its elements.
template <class T>
void check_bits(long M, long N, long K, int la, int lb, int lc) {
  Matrix<T> a(M, K, la), b(K, N, lb), c(M, N, lc);
  fill(a), fill(b), fill(c);
  std::vector<T> expected;
  for (int parts : {1, 2, 3, 5}) {
    multiply(a, b, c, parts);
    if (parts == 1) {
      expected.assign(c.begin(), c.begin() + c.size);
      const std::size_t bytes = gemm_scratch<T>(1, 1, K, 1, 1);
      std::unique_ptr<char[]> scratch(new char[bytes]);
      for (long m = 0; m < M; m += M > 60 ? 1 + random_bits() % 7 : 1)
        for (long n = 0; n < N; n += N > 60 ? 1 + random_bits() % 7 : 1) {
          T one;
          gemm<T>(1, 1, K, &a.at(m, 0), a.row, a.column, &b.at(0, n), b.row, b.column, &one, 1, 1,
                  0, 1, scratch.get());
          if (one != c.at(m, n)) {
            fail("bits depend on the place " + name(a, b, c, parts));
            m = M, n = N;
          }
        }
    } else if (!std::equal(expected.begin(), expected.end(), c.begin())) {
      fail("bits depend on the parts " + name(a, b, c, parts));
    }
  }
}

// Every small shape, layouts and the rest drawn by chance; then every layout on shapes that reach
// each kind of tile, edge and block. Or one in `step` of them, with all remainders and layouts still.
template <class T>
void check_all(long step) {
  for (long M = 0; M <= 40; ++M)
    for (long N = M % step; N <= 40; N += step)
      for (int K : {static_cast<int>(random_bits() % 41), static_cast<int>(random_bits() % 6)})
        check<T>(M, N, K, random_bits() % layouts, random_bits() % layouts, random_bits() % layouts,
                 random_bits() % 2, 1 + random_bits() % 3);
  const long shapes[][3] = {{1, 1, 7},    {1, 300, 9},   {2, 131, 33},   {5, 77, 18},   {37, 1, 40},
                            {17, 23, 41}, {61, 3, 1030}, {53, 271, 515}, {150, 37, 64}, {13, 9, 0},
                            {6, 1100, 70}};
  for (const auto& s : shapes)
    for (long l = 0; l < layouts * layouts * layouts; l += step) {
      const int la = l % layouts, lb = l / layouts % layouts, lc = l / layouts / layouts;
      check<T>(s[0], s[1], s[2], la, lb, lc, l % 2, 1 + l % 3);
      check_bits<T>(s[0], s[1], s[2], la, lb, lc);
    }
  // Large enough for packed blocks of A.
  for (long l = 0; l < layouts * layouts; l += step) {
    check<T>(309, 390, 700, l % layouts, l / layouts, l % 2 ? by_row : by_column, l % 3 == 0, 2);
    check_bits<T>(309, 390, 700, l % layouts, l / layouts, l % 2 ? by_row : by_column);
  }
}

// ---- speed

enum Form { nn, nt, tn };  // which operand is stored transposed

template <class T>
void speed(const char* label, long M, long N, long K, Form form) {
  Matrix<T> a(M, K, form == tn ? by_column : by_row), b(K, N, form == nt ? by_column : by_row),
      c(M, N, by_row);
  fill(a), fill(b);
  const std::size_t bytes = gemm_scratch<T>(M, N, K, c.row, c.column);
  std::unique_ptr<char[]> scratch(new char[bytes]);
  const double flops = 2.0 * M * N * K;
  const long calls = std::max(1L, static_cast<long>(1e8 / (flops + 1000)));
  double best = 1e9;
  for (int round = 0; round < (flops > 2e9 ? 3 : 15); ++round) {
    const std::clock_t start = std::clock();  // processor time: others share the machine
    for (long i = 0; i < calls; ++i)
      gemm<T>(M, N, K, a.begin(), a.row, a.column, b.begin(), b.row, b.column, c.begin(), c.row,
              c.column, 0, 1, scratch.get());
    const double taken = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    best = std::min(best, taken / static_cast<double>(calls));
  }
  const char* forms[] = {"nn", "nt", "tn"};
  std::printf("%-14s f%zu %5ldx%5ldx%5ld %s %7.1f GF/s %12.1f ns\n", label, 8 * sizeof(T), M, N, K,
              forms[form], flops / best / 1e9, best * 1e9);
}

// Forward X·W, gradient of the weight Xᵀ·dY, gradient of the input dY·Wᵀ.
template <class T>
void layer(const char* label, long batch, long in, long out, bool first) {
  speed<T>(label, batch, out, in, nn);
  speed<T>("  dW", in, out, batch, tn);
  if (!first) speed<T>("  dX", batch, in, out, nt);
}

template <class T>
void speeds(bool large) {
  layer<T>("tiny 1", 10, 2, 8, true);
  layer<T>("tiny 2", 10, 8, 8, false);
  layer<T>("tiny 3", 10, 8, 1, false);
  layer<T>("digits 1", 32, 64, 100, true);
  layer<T>("digits 2", 32, 100, 10, false);
  layer<T>("lecture 1", 64, 1000, 100, true);
  layer<T>("lecture 2", 64, 100, 10, false);
  layer<T>("mnist 1", 128, 784, 256, true);
  layer<T>("mnist 2", 128, 256, 128, false);
  layer<T>("mnist 3", 128, 128, 10, false);
  speed<T>("one row", 1, 256, 784, nn);
  speed<T>("one row, nt", 1, 256, 784, nt);
  speed<T>("one column", 256, 1, 784, nn);
  if (!large) return;
  layer<T>("wide 1", 256, 1024, 4096, false);
  layer<T>("wide 2", 256, 4096, 4096, false);
  layer<T>("wide 3", 256, 4096, 1000, false);
  layer<T>("2048", 2048, 2048, 2048, false);
  speed<T>("one row wide", 1, 4096, 4096, nn);
}

}  // namespace

int main(int count, char** words) {
  if (count > 1 && std::string(words[1]) == "--speed") {
    const bool doubles = count > 2 && std::string(words[2]) == "f64";
    const bool small = count > 2 && std::string(words[2]) == "small";
    if (doubles)
      speeds<double>(true);
    else
      speeds<float>(!small);
    return 0;
  }
  const long step = count > 1 && std::string(words[1]) == "--few" ? 7 : 1;
  check_all<float>(step);
  check_all<double>(step);
  std::printf("%s\n", failures ? "gemm: FAILED" : "gemm: all right");
  return failures ? 1 : 0;
}
