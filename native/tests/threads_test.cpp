// threads.hpp: every part once, results visible to the caller, no waiting for a worker that has not begun, no
// more threads than allowed, and a child process that starts afresh. Under -fsanitize=thread it also shows that
// nothing races. worth.hpp: several threads where they are faster.
#include "../threads.hpp"
#include "../worth.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>

using gradus::Crew;
using gradus::Pool;

namespace {

int failures = 0;

void require(bool holds, const std::string& what) {
  if (!holds) ++failures, std::printf("FAILED %s\n", what.c_str());
}

void every_part_runs_once_and_shows_its_work() {
  for (int size = 1; size <= 5; ++size) {
    Pool pool(size);
    require(pool.size() == size, "size of the pool");
    std::vector<long> found(static_cast<std::size_t>(size));  // plain numbers: a race would be reported
    for (long round = 1; round <= 4000; ++round) {
      const int parts = 1 + static_cast<int>(round % size);
      pool.share(parts, [&](int part) { found[static_cast<std::size_t>(part)] += round; });
      const long sum = std::accumulate(found.begin(), found.end(), 0L);
      require(sum == parts * round, "sum of " + std::to_string(parts) + " parts");
      std::fill(found.begin(), found.end(), 0);
    }
  }
}

void sleeping_workers_wake_up() {
  Pool pool(3);
  std::atomic<int> parts{0};
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    pool.share(3, [&](int) { ++parts; });
  }
  require(parts == 15, "parts after sleeping");
}

#if !defined(__SANITIZE_THREAD__)  // which keeps signals back
std::atomic<bool> stands{false}, may_go{false};

void hold(int) {
  stands = true;
  while (!may_go) std::this_thread::yield();
}

// A signal holds the worker before it looks for its part, as another program on its processor would.
void nobody_waits_for_a_worker_that_has_not_begun() {
  Pool pool(2);
  const pthread_t here = pthread_self();
  std::atomic<pthread_t> worker{here};
  while (pthread_equal(worker, here))
    pool.share(2, [&](int part) {
      if (part == 1) worker = pthread_self();
      else std::this_thread::sleep_for(std::chrono::milliseconds(1));  // time for it to come
    });
  std::signal(SIGUSR1, hold);
  pthread_kill(worker, SIGUSR1);
  while (!stands) std::this_thread::yield();
  std::vector<int> times(2);
  for (int round = 1; round <= 3; ++round) {
    pool.share(2, [&](int part) {
      ++times[static_cast<std::size_t>(part)];
      require(pthread_equal(pthread_self(), here), "a part of a held worker is done here");
    });
    require(times == std::vector<int>(2, round), "parts beside a held worker");
  }
  may_go = true;  // for rounds that are over
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  require(times == std::vector<int>(2, 3), "a late worker does nothing");
  std::atomic<int> parts{0};
  pool.share(2, [&](int) { ++parts; });
  require(parts == 2, "parts after a late worker");
}
#endif

// Offered work is done once, whoever comes, also when offered and shared rounds alternate.
void offered_work_is_done_once() {
  for (int size = 1; size <= 4; ++size) {
    Pool pool(size);
    std::vector<long> done(64);
    for (long round = 1; round <= 3000; ++round) {
      std::atomic<std::size_t> next{0};
      pool.offer(size, [&](int part) {
        require(part < size, "number of a part");
        for (std::size_t k; (k = next++) < done.size();) ++done[k];
      });
      long parts = 0;
      if (round % 3 == 0) {
        std::atomic<long> sum{0};
        pool.share(size, [&](int) { ++sum; });
        parts = sum;
      }
      require(round % 3 || parts == size, "parts of a shared round after an offered one");
    }
    for (long times : done) require(times == 3000, "work done " + std::to_string(times) + " times");
  }
}

// Programs at the same time, as many as `programs`, each allowed `threads`.
void programs_share(int programs, int threads) {
  std::atomic<int> busy{0}, most{0};
  std::barrier together(programs);
  std::atomic<long> sum{0};
  const auto part_of_work = [&](int part) {
    const int now = ++busy;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    sum += part + 1;
    --busy;
  };
  constexpr long steps = 300;
  std::atomic<long> expected{0};
  const auto run = [&] {
    Crew::Member member;
    together.arrive_and_wait();
    for (long step = 0; step < steps; ++step) {
      Crew::Turn turn(threads);
      require(turn.threads() >= 1 && turn.threads() <= threads, "threads of a turn");
      expected += turn.threads() * (turn.threads() + 1) / 2;
      if (turn.threads() > 1)
        turn.share(part_of_work);
      else
        part_of_work(0);
    }
    together.arrive_and_wait();  // whoever leaves makes room for more threads
  };
  std::vector<std::thread> all;
  for (int i = 0; i < programs; ++i) all.emplace_back(run);
  for (auto& t : all) t.join();
  require(sum == expected, "work of programs at the same time");
  require(most <= std::max(threads, programs),
          std::to_string(most) + " threads for " + std::to_string(programs) + " programs of " +
              std::to_string(threads));
}

void a_lone_program_has_all_its_threads() {
  Crew::Member member;
  for (int threads : {4, 2}) require(Crew::Turn(threads).threads() == threads, "a lone program");
  Crew::Turn first(3);
  std::thread([] { require(Crew::Turn(3).threads() == 1, "the pool serves one program"); }).join();
}

#if !defined(__SANITIZE_THREAD__)  // which lets no child of a process with threads start its own
void a_child_has_a_crew_of_its_own() {
  Crew::Member member;
  Crew::Turn held(3);  // as if another thread were in the middle of a step
  const pid_t child = fork();
  if (child == 0) {
    Crew::Member own;
    Crew::Turn turn(3);
    std::atomic<int> parts{0};
    turn.share([&](int) { ++parts; });
    std::exit(parts == 3 ? 0 : 1);  // not _exit: destructors must find nobody to wait for
  }
  int status = -1;
  waitpid(child, &status, 0);
  require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child's crew");
}
#endif

// Which of so many steps are asked of several threads, where these take so long and one thread so long.
std::string asked_of_several(int steps, double together, double alone) {
  gradus::Worth worth;
  std::string found;
  for (int k = 0; k < steps; ++k) {
    const bool several = worth.several();
    found += several ? 't' : 'a';
    const bool late = k % 8 == 0;  // a thread that slept
    worth.took(gradus::Worth::Seconds(several ? together * (late ? 10 : 1) : alone));
  }
  return found;
}

void several_threads_take_the_steps_that_they_make_faster() {
  const std::string tried = std::string(8, 't') + std::string(8, 'a');
  require(asked_of_several(528, 80e-6, 95e-6) == tried + std::string(512, 't'), "two are faster");
  require(asked_of_several(528, 200e-6, 95e-6) == tried + std::string(512, 'a'), "two are slower");
  const std::string again = asked_of_several(544, 200e-6, 95e-6);
  require(again.substr(528) == tried, "they are tried again later");
  require(asked_of_several(600, 2e-3, 1.9e-3) == std::string(600, 't'), "long steps are not tried");
}

}  // namespace

int main() {
  every_part_runs_once_and_shows_its_work();
  sleeping_workers_wake_up();
  offered_work_is_done_once();
  a_lone_program_has_all_its_threads();
  several_threads_take_the_steps_that_they_make_faster();
  for (int programs : {1, 2, 3, 5})
    for (int threads : {1, 2, 3, 4}) programs_share(programs, threads);
#if !defined(__SANITIZE_THREAD__)
  alarm(60);  // instead of waiting for ever
  nobody_waits_for_a_worker_that_has_not_begun();
  a_child_has_a_crew_of_its_own();
#endif
  std::printf("%s\n", failures ? "threads: FAILED" : "threads: all right");
  return failures ? 1 : 0;
}
