// A small pool of threads that share single instructions: no queue, only "all do your part".
//
// Workers spin a little for the next instruction, since instructions are microseconds apart, and then
// sleep. A child process after fork starts its own pool. One program at a time has the pool; others
// that run meanwhile do without, and get the same bits.
#pragma once

#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace gradus {

class Pool {
 public:
  static constexpr int spins = 1 << 12;

  explicit Pool(int threads) : owner_(getpid()), size_(threads) {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  }
  ~Pool() {
    stop_ = true;
    start();
    for (auto& w : workers_) w.join();
  }
  int size() const { return size_; }
  bool forked() const { return getpid() != owner_; }

  // Calls f(part) for every part, part 0 here.
  template <class F>
  void share(F&& f) {
    task_ = std::ref(f);
    pending_.store(size_ - 1, std::memory_order_relaxed);
    start();
    f(0);
    // Where the workers share this core, spinning alone would keep them from running.
    for (int i = 0; pending_.load(std::memory_order_acquire) > 0; ++i)
      if (i < spins) pause();
      else std::this_thread::yield();
  }

 private:
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  void start() {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  void work(int part) {
    unsigned seen = 0;
    for (;;) {
      for (int i = 0; i < spins && round_.load(std::memory_order_acquire) == seen; ++i) pause();
      round_.wait(seen, std::memory_order_acquire);
      seen = round_.load(std::memory_order_acquire);
      if (stop_) return;
      task_(part);
      pending_.fetch_sub(1, std::memory_order_release);
    }
  }

  pid_t owner_;
  int size_;
  std::function<void(int)> task_;
  std::atomic<unsigned> round_{0};
  std::atomic<int> pending_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace gradus
