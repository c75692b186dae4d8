// Memory for values.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace gradus {

// Zeros, aligned to a cache line. Beyond the last value there is room for vectors that are loaded
// whole.
class Memory {
 public:
  static constexpr std::size_t padding = 4096;

  explicit Memory(std::size_t bytes) : bytes_((bytes + padding + 63) / 64 * 64) {
    data_.reset(static_cast<char*>(std::aligned_alloc(64, bytes_)));
    if (!data_) throw std::bad_alloc();
    std::memset(data_.get(), 0, bytes_);
  }
  char* data() const { return data_.get(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  std::size_t bytes_;
  std::unique_ptr<char, Free> data_;
};

}  // namespace gradus
