// Threads for single instructions ("all do your part") and for queues ("help, whoever has time").
//
// A pool is asked for a part more often than it could afford to sleep: workers spin a little for the
// next instruction, since instructions are microseconds apart, and then sleep. The crew is the one pool
// of this process and decides who may use it: together, programs that run at the same time keep no more
// threads busy than one of them would alone, unless they themselves are more. Nobody's bits depend on it.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace gradus {

class Pool {
 public:
  static constexpr int spins = 1 << 12;

  explicit Pool(int threads)
      : asked_(threads), claims_(std::make_unique<Claim[]>(static_cast<std::size_t>(threads))) {
    try {
      for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
    } catch (const std::system_error&) {
      // The system has no more threads to give: those that there are do the work.
    }
  }
  ~Pool() {
    stop_ = true;
    start(next(0));
    for (auto& w : workers_) w.join();
  }
  Pool(const Pool&) = delete;

  int asked() const { return asked_; }
  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls f(part) for every part of [0, parts), part 0 here; parts ≤ size(), and f does not throw. Each
  // worker has its part, but one that has not begun when part 0 is done sleeps, or has no processor:
  // nobody waits for it, its part is done here.
  template <class F>
  void share(int parts, F&& f) {
    task_ = std::ref(f);
    pending_.store(parts - 1, std::memory_order_relaxed);
    const std::uint64_t round = next(static_cast<std::uint64_t>(parts));
    start(round);
    f(0);
    for (int part = 1; part < parts; ++part)
      if (claim(part, round)) {
        f(part);
        pending_.fetch_sub(1, std::memory_order_relaxed);
      }
    wait_for_none(pending_);
  }

  // Calls f(part) here, and for other parts of [0, parts) in the workers that come while f runs here: f
  // takes its work from a queue, and nobody waits for a worker that has no processor.
  template <class F>
  void offer(int parts, F&& f) {
    task_ = std::ref(f);
    const std::uint64_t round = next(static_cast<std::uint64_t>(parts) | offered);
    open_ = round;
    start(round);
    f(0);
    open_ = 0;
    wait_for_none(inside_);
  }

 private:
  // Where the workers share this core, spinning alone would keep them from running.
  static void wait_for_none(const std::atomic<int>& count) {
    for (int i = 0; count.load() > 0; ++i)
      if (i < spins) pause();
      else std::this_thread::yield();
  }
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  // A round is its number and, in the low bits, how many may take part and whether they have to: who
  // does not is not waited for, and so must learn all this from one load.
  static constexpr int part_bits = 16;
  static constexpr std::uint64_t offered = 1 << (part_bits - 1);
  std::uint64_t next(std::uint64_t parts) const {
    return ((round_.load(std::memory_order_relaxed) >> part_bits) + 1) << part_bits | parts;
  }
  // Whether the part of this round is the caller's. All parts of a round are claimed before the next
  // begins, so that a worker that comes too late claims nothing.
  bool claim(int part, std::uint64_t round) {
    auto& last = claims_[static_cast<std::size_t>(part)].round;
    std::uint64_t before = last.load(std::memory_order_relaxed);
    return before < round && last.compare_exchange_strong(before, round, std::memory_order_acq_rel);
  }
  void start(std::uint64_t round) {
    round_.store(round, std::memory_order_release);
    round_.notify_all();
  }
  void work(int part) {
    std::uint64_t seen = 0;
    for (;;) {
      for (int i = 0; i < spins && round_.load(std::memory_order_acquire) == seen; ++i) pause();
      round_.wait(seen, std::memory_order_acquire);
      seen = round_.load(std::memory_order_acquire);
      if (stop_) return;
      if (part >= static_cast<int>(seen & (offered - 1))) continue;
      if (seen & offered) {
        ++inside_;  // before looking whether the round is open: who closes it looks here afterwards
        if (open_ == seen) task_(part);
        --inside_;
      } else if (claim(part, seen)) {
        task_(part);
        pending_.fetch_sub(1, std::memory_order_release);
      }
    }
  }

  struct alignas(64) Claim {
    std::atomic<std::uint64_t> round{0};  // the latest of which the part was claimed
  };

  int asked_;
  std::unique_ptr<Claim[]> claims_;  // of each part
  std::function<void(int)> task_;
  std::atomic<std::uint64_t> round_{0}, open_{0};  // the latest round; the offered one, while it lasts
  std::atomic<int> pending_{0}, inside_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;  // last: a worker may look at the others at once
};

class Crew {
 public:
  // Counts a program while it runs.
  class Member {
   public:
    Member() { of_process().running_.fetch_add(1, std::memory_order_relaxed); }
    ~Member() { of_process().running_.fetch_sub(1, std::memory_order_relaxed); }
    Member(const Member&) = delete;
  };

  // The pool, or this thread alone where another program has it.
  class Turn {
   public:
    explicit Turn(int threads) : lock_(of_process().busy_, std::try_to_lock) {
      const int others = of_process().running_.load(std::memory_order_relaxed) - 1;
      threads_ = lock_.owns_lock() ? std::max(1, threads - std::max(0, others)) : 1;
      if (threads_ == 1) return;
      pool_ = &of_process().pool(threads);
      threads_ = std::min(threads_, pool_->size());
    }
    int threads() const { return threads_; }
    template <class F>
    void share(F&& f) {
      pool_->share(threads_, f);
    }
    template <class F>
    void offer(F&& f) {
      pool_->offer(threads_, f);
    }

   private:
    std::unique_lock<std::mutex> lock_;
    Pool* pool_ = nullptr;
    int threads_;
  };

  // Threads and locks stay with the parent, so a child process begins with a crew of its own. The
  // old pool is left as it is: there is nobody to join.
  static void after_fork() { new (&of_process()) Crew; }

 private:
  static Crew& of_process() {
    // Never destroyed: a thread may still run while the process ends, and takes its workers along.
    alignas(Crew) static unsigned char place[sizeof(Crew)];
    static Crew* const crew = [] {
      auto* made = new (place) Crew;
      pthread_atfork(nullptr, nullptr, after_fork);
      return made;
    }();
    return *crew;
  }

  // With as many threads as the most that was asked for.
  Pool& pool(int threads) {
    if (!pool_ || pool_->asked() < threads) {
      delete std::exchange(pool_, nullptr);  // to start the new one's threads may fail
      pool_ = new Pool(threads);
    }
    return *pool_;
  }

  std::mutex busy_;  // whoever has it has the pool
  Pool* pool_ = nullptr;
  std::atomic<int> running_{0};
};

}  // namespace gradus
