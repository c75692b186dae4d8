// The Python module: programs that run many steps without Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>

#include "float_mode.hpp"
#include "memory.hpp"
#include "program.hpp"
#include "rows.hpp"
#include "shortcut.hpp"
#include "threads.hpp"

namespace nb = nanobind;

namespace gradus {

extern const Backend backend_plain;
#if defined(GRADUS_X86)
extern const Backend backend_v3;
extern const Backend backend_v4;
#endif

static std::vector<const Backend*> usable_backends() {
  std::vector<const Backend*> found;
#if defined(GRADUS_X86)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    found.push_back(&backend_v4);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(&backend_v3);
#endif
  found.push_back(&backend_plain);
  return found;
}

static const Backend& backend_named(const std::string& name) {
  for (auto* b : usable_backends())
    if (name == "auto" || name == b->name) return *b;
  throw std::invalid_argument("no target " + name + " on this processor");
}

using Input = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::c_contig, nb::device::cpu>;

// A buffer of the arena and the bytes it holds.
struct Span {
  std::size_t offset, bytes;
};

class Program {
 public:
  Program(const std::vector<std::vector<std::int64_t>>& instructions, std::size_t bytes,
          const std::string& target, int threads)
      : backend_(backend_named(target)), threads_(threads), arena_(bytes) {
    for (auto& numbers : instructions) {
      instructions_.push_back(backend_.make(numbers, arena_.data()));
      scratch_bytes_ = std::max(scratch_bytes_, instructions_.back()->scratch_bytes());
      shares_ = shares_ || (threads_ > 1 && instructions_.back()->parallel());
    }
    scratch_bytes_ = (scratch_bytes_ + Memory::padding + 63) / 64 * 64;
    scratch_.emplace(scratch_bytes_ * static_cast<std::size_t>(threads_));
    for (auto& i : instructions_) i->prepare(scratch_->data());
    living_.insert(this);
  }
  ~Program() { living_.erase(this); }
  Program(const Program&) = delete;

  // In a child process nobody runs what another thread of the parent was running. Every call writes
  // its inputs before anything else, so what that thread left half done does no harm.
  static void after_fork() {
    for (auto* program : living_) new (&program->busy_) std::mutex;
  }

  void write(std::size_t offset, const Input& array) {
    std::memcpy(arena_.data() + offset, array.data(), array.nbytes());
  }

  // A matrix to, or from, its transpose in the arena.
  void write_turned(std::size_t offset, const Input& array) {
    backend_.transpose(arena_.data() + offset, static_cast<const char*>(array.data()),
                       static_cast<long>(array.shape(0)), static_cast<long>(array.shape(1)),
                       array.itemsize());
  }
  void read_turned(std::size_t offset, const Output& array) {
    backend_.transpose(static_cast<char*>(array.data()), arena_.data() + offset,
                       static_cast<long>(array.shape(1)), static_cast<long>(array.shape(0)),
                       array.itemsize());
  }

  void run(const std::vector<std::size_t>& at, const std::vector<Input>& inputs,
           const std::vector<std::size_t>& from, const std::vector<Output>& outputs) {
    nb::gil_scoped_release release;
    std::lock_guard<std::mutex> lock(busy_);
    Crew::Member member;
    for (std::size_t i = 0; i < inputs.size(); ++i) write(at[i], inputs[i]);
    auto threads = turn();
    once(threads ? &*threads : nullptr);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      std::memcpy(outputs[i].data(), arena_.data() + from[i], outputs[i].nbytes());
  }

  // Takes up to `order.shape(0)` steps; see gradus.compiler.executor.Program.steps.
  //   carried: (input, output, bytes): what a step leaves in the output is the next one's input
  //   data: rows to gather: input and array      per_step: input and array, one item a step
  //   records: output and array, one item a step watch: a float output that must stay finite
  std::size_t steps(const std::vector<std::vector<std::size_t>>& carried,
                    const std::vector<std::size_t>& data_at, const std::vector<Input>& data,
                    const nb::ndarray<const std::int64_t, nb::ndim<2>, nb::c_contig>& order,
                    const std::vector<std::size_t>& per_step_at, const std::vector<Input>& per_step,
                    const std::vector<std::size_t>& record_at, const std::vector<Output>& records,
                    std::size_t watch, std::size_t watch_bytes, nb::callable stop) {
    const std::size_t count = order.shape(0), batch = order.shape(1);
    std::vector<Span> per_item, record_item;
    std::vector<Rows> tables;
    for (std::size_t i = 0; i < per_step.size(); ++i)
      per_item.push_back({per_step_at[i], count ? per_step[i].nbytes() / count : 0});
    for (std::size_t i = 0; i < records.size(); ++i)
      record_item.push_back({record_at[i], count ? records[i].nbytes() / count : 0});
    for (std::size_t i = 0; i < data.size(); ++i)
      tables.push_back({arena_.data() + data_at[i], static_cast<const char*>(data[i].data()),
                        data[i].shape(0) ? data[i].nbytes() / data[i].shape(0) : 0});

    nb::gil_scoped_release release;
    std::lock_guard<std::mutex> lock(busy_);
    Crew::Member member;
    const FloatMode mode(FloatMode::without_subnormals());
    using clock = std::chrono::steady_clock;
    auto asked = clock::now() - std::chrono::hours(1);
    char* const arena = arena_.data();
    std::size_t done = 0;
    for (; done < count; ++done) {
      if ((done & 15) == 0 && clock::now() - asked > std::chrono::milliseconds(20)) {
        nb::gil_scoped_acquire acquire;
        const FloatMode callers(mode.before());
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        if (nb::cast<bool>(stop(done))) break;
        asked = clock::now();
      }
      const std::int64_t* rows = order.data() + done * batch;
      auto threads = turn();
      gather(tables, rows, batch, threads ? &*threads : nullptr);
      for (std::size_t i = 0; i < per_step.size(); ++i)
        std::memcpy(arena + per_item[i].offset,
                    static_cast<const char*>(per_step[i].data()) + done * per_item[i].bytes,
                    per_item[i].bytes);
      once(threads ? &*threads : nullptr);
      for (std::size_t i = 0; i < records.size(); ++i)
        std::memcpy(static_cast<char*>(records[i].data()) + done * record_item[i].bytes,
                    arena + record_item[i].offset, record_item[i].bytes);
      for (auto& c : carried)
        if (c[0] != c[1]) std::memcpy(arena + c[0], arena + c[1], c[2]);
      if (!finite(arena + watch, watch_bytes)) {
        ++done;
        break;
      }
    }
    return done;
  }

  void read(std::size_t offset, const Output& array) {
    std::memcpy(array.data(), arena_.data() + offset, array.nbytes());
  }

  std::string target() const { return backend_.name; }

  // Nanoseconds of each instruction, the least of some runs on what the arena holds.
  std::vector<double> profile(std::size_t rounds) {
    nb::gil_scoped_release release;
    std::lock_guard<std::mutex> lock(busy_);
    using clock = std::chrono::steady_clock;
    std::vector<double> spent(instructions_.size(), HUGE_VAL);
    auto threads = turn();
    for (std::size_t round = 0; round < rounds; ++round)
      for (std::size_t k = 0; k < spent.size(); ++k) {
        const auto began = clock::now();
        perform(*instructions_[k], threads ? &*threads : nullptr);
        const std::chrono::duration<double, std::nano> took = clock::now() - began;
        spent[k] = std::min(spent[k], took.count());
      }
    return spent;
  }

 private:
  static bool finite(const char* p, std::size_t bytes) {
    if (bytes == 4) {
      float x;
      std::memcpy(&x, p, 4);
      return std::isfinite(x);
    }
    double x;
    std::memcpy(&x, p, 8);
    return std::isfinite(x);
  }

  // A table whose rows each step gathers for itself.
  struct Rows {
    char* to;
    const char* from;
    std::size_t bytes;  // of a row
  };

  // Rows first to last of a batch. They lie anywhere in memory: the next ones are asked for early.
  static void gather(const Rows& r, const std::int64_t* rows, std::size_t first, std::size_t last) {
    const auto at = [&](std::size_t i) { return r.from + static_cast<std::size_t>(rows[i]) * r.bytes; };
    if (r.bytes == 4) {
      for (std::size_t i = first; i < last; ++i) std::memcpy(r.to + 4 * i, at(i), 4);
    } else if (r.bytes == 8) {
      for (std::size_t i = first; i < last; ++i) std::memcpy(r.to + 8 * i, at(i), 8);
    } else {
      constexpr std::size_t ahead = 3;
      for (std::size_t i = first; i < last; ++i) {
        if (r.bytes > 512 && i + ahead < last)
          for (std::size_t b = 0; b < r.bytes; b += 64) __builtin_prefetch(at(i + ahead) + b);
        std::memcpy(r.to + r.bytes * i, at(i), r.bytes);
      }
    }
  }

  // Gathers a batch, on as many threads as there are where that is worth it.
  static void gather(const std::vector<Rows>& tables, const std::int64_t* rows, std::size_t n,
                     Crew::Turn* turn) {
    for (const auto& r : tables) {
      if (turn && turn->threads() > 1 && n * r.bytes > std::size_t{1} << 16) {
        const auto parts = static_cast<std::size_t>(turn->threads());
        turn->share([&](int part) {
          const auto p = static_cast<std::size_t>(part);
          gather(r, rows, n * p / parts, n * (p + 1) / parts);
        });
      } else {
        gather(r, rows, 0, n);
      }
    }
  }

  // The threads for a step, where any of its instructions is worth more than one.
  std::optional<Crew::Turn> turn() const {
    std::optional<Crew::Turn> found;
    if (shares_) found.emplace(threads_);
    return found;
  }

  void perform(const Instruction& i, Crew::Turn* turn) const {
    if (turn && turn->threads() > 1 && i.parallel())
      turn->share([&, mode = FloatMode::now()](int part) {
        const FloatMode as_here(mode);
        i.run(part, turn->threads(),
              scratch_->data() + scratch_bytes_ * static_cast<std::size_t>(part));
      });
    else
      i.run(0, 1, scratch_->data());
  }

  void once(Crew::Turn* turn) const {
    for (auto& i : instructions_) perform(*i, turn);
  }

  static inline std::set<Program*> living_;  // changes, and is forked, under the interpreter's lock

  const Backend& backend_;
  int threads_;
  bool shares_ = false;  // whether any instruction is worth more than one thread
  Memory arena_;
  std::optional<Memory> scratch_;  // as much for each thread
  std::size_t scratch_bytes_ = 0;
  std::vector<std::unique_ptr<Instruction>> instructions_;
  std::mutex busy_;
};

// ── Any number of rows ──────────────────────────────────────────────────────────────────────────

static std::shared_ptr<const Source> source_of(const nb::list& tensors,
                                               std::vector<std::int64_t> versions) {
  auto found = std::make_shared<Source>();
  for (nb::handle t : tensors) found->tensors.push_back(t.ptr());
  found->versions = std::move(versions);
  found->keeper = {nb::object(tensors).release().ptr(), [](void* kept) {
                     nb::gil_scoped_acquire acquire;
                     Py_DECREF(static_cast<PyObject*>(kept));
                   }};
  return found;
}

// Runs rows with the weights of tensors, which come with their versions. Where these are not in memory
// they are written from `weights`, pairs of an address and an array; false where that is None.
static bool run_rows(Rows& rows, std::size_t n, const std::vector<Input>& inputs,
                     const std::vector<Output>& outputs, const nb::list& tensors,
                     const std::vector<std::int64_t>& versions,
                     const std::optional<std::vector<std::pair<std::int64_t, Input>>>& weights) {
  const auto source = source_of(tensors, versions);
  std::vector<const char*> from;
  std::vector<char*> to;
  for (auto& array : inputs) from.push_back(static_cast<const char*>(array.data()));
  for (auto& array : outputs) to.push_back(static_cast<char*>(array.data()));

  std::shared_ptr<const Source> before;  // goes when the interpreter's lock is held again
  nb::gil_scoped_release release;
  std::lock_guard<std::mutex> lock(rows.busy);
  if (!rows.made_from(source->tensors, source->versions)) {
    if (!weights) return false;
    before = rows.make_from(nullptr);
    for (auto& [address, array] : *weights) rows.write(address, array.data(), array.nbytes());
    rows.make_from(source);
  }
  rows.run(n, from, to, Rows::unchecked);
  return true;
}

static int traverse_shortcut(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<Shortcut>(self)->traverse(visit, arg) : 0;
}

static int clear_shortcut(PyObject* self) {
  if (nb::inst_ready(self)) nb::inst_ptr<Shortcut>(self)->clear();
  return 0;
}

// It holds modules, which may hold what holds it.
static PyType_Slot shortcut_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_shortcut)},
                                       {Py_tp_clear, reinterpret_cast<void*>(clear_shortcut)},
                                       {0, nullptr}};

static void bind_rows(nb::module_& m) {
  nb::class_<Rows>(m, "Rows")
      .def("__init__",
           [](Rows* self, const std::string& target, int threads, std::size_t most,
              std::size_t least, double work, std::vector<std::size_t> inputs,
              std::vector<std::size_t> outputs) {
             new (self) Rows(backend_named(target), threads, most, least, work, std::move(inputs),
                             std::move(outputs));
           })
      .def("allocate",
           [](Rows& self, std::size_t bytes) {
             const Holding holding(self);
             return self.allocate(bytes);
           })
      .def("write",
           [](Rows& self, std::int64_t address, const Input& array) {
             const Holding holding(self);
             self.write(address, array.data(), array.nbytes());
           })
      .def("add",
           [](Rows& self, std::size_t rows, const std::vector<Rows::Numbers>& copies,
              const std::vector<Rows::Addresses>& inputs,
              const std::vector<Rows::Addresses>& outputs,
              const std::vector<Rows::Reader>& readers) {
             const Holding holding(self);
             self.add(rows, copies, inputs, outputs, readers);
             self.make_from(nullptr);  // it may have weights of its own, not written yet
           })
      .def("cut",
           [](Rows& self, std::size_t rows, std::vector<Rows::Batch> batches) {
             const Holding holding(self);
             self.cut(rows, std::move(batches));
           })
      .def("whole", &Rows::whole)
      .def("run", &run_rows);
  nb::class_<Shortcut>(m, "Shortcut", nb::type_slots(shortcut_slots))
      .def(nb::init<nb::object, const nb::list&, const nb::list&, nb::object, nb::object,
                    std::string, std::vector<Py_ssize_t>, std::vector<Py_ssize_t>, nb::object>())
      .def("__call__", &Shortcut::call);
  pthread_atfork(nullptr, nullptr, Rows::after_fork);
}

}  // namespace gradus

NB_MODULE(_native, m) {
  using namespace gradus;
  m.doc() = "Programs that run without Python; planned by gradus.compiler.native.";
  nb::register_exception_translator(
      [](const std::exception_ptr& p, void*) {
        try {
          std::rethrow_exception(p);
        } catch (const IndexError& e) {
          PyErr_SetObject(PyExc_IndexError,
                          nb::make_tuple(e.length, e.position).ptr());
        }
      });
  nb::class_<Program>(m, "Program")
      .def(nb::init<const std::vector<std::vector<std::int64_t>>&, std::size_t, const std::string&, int>())
      .def("write", &Program::write)
      .def("write_turned", &Program::write_turned)
      .def("read", &Program::read)
      .def("read_turned", &Program::read_turned)
      .def("run", &Program::run)
      .def("steps", &Program::steps)
      .def("profile", &Program::profile)
      .def_prop_ro("target", &Program::target);
  pthread_atfork(nullptr, nullptr, Program::after_fork);
  bind_rows(m);
  m.def("targets", [] {
    std::vector<std::string> names;
    for (auto* b : usable_backends()) names.emplace_back(b->name);
    return names;
  });
  m.def("opcode", [](const std::string& name) { return backend_plain.opcode(name); });
}
