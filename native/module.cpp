// The Python module: programs that run many steps without Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "instruction.hpp"
#include "program.hpp"
#include "relay.hpp"
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
      .def("__init__",
           [](Program* self, const std::vector<std::vector<std::int64_t>>& instructions,
              std::size_t bytes, const std::string& target, int threads) {
             new (self) Program(instructions, bytes, backend_named(target), threads);
           })
      .def("write", &Program::write)
      .def("run", &Program::run)
      .def("profile", &Program::profile)
      .def_prop_ro("target", &Program::target);
  pthread_atfork(nullptr, nullptr, Program::after_fork);
  m.def("relay", &relay);
  bind_rows(m);
  m.def("targets", [] {
    std::vector<std::string> names;
    for (auto* b : usable_backends()) names.emplace_back(b->name);
    return names;
  });
  m.def("finite", [](const std::vector<Input>& arrays) {
    const Backend& best = *usable_backends().front();
    for (auto& a : arrays) {
      if (a.dtype() == nb::dtype<float>() && !best.finite_floats(static_cast<const float*>(a.data()), a.size()))
        return false;
      if (a.dtype() == nb::dtype<double>() && !best.finite_doubles(static_cast<const double*>(a.data()), a.size()))
        return false;
    }
    return true;
  });
  m.def("random_bits", [](const nb::ndarray<std::uint32_t, nb::ndim<2>, nb::c_contig>& words,
                          std::uint64_t seed, const std::vector<std::uint64_t>& steps,
                          std::uint32_t site) {
    const Backend& best = *usable_backends().front();
    const auto count = static_cast<long>(words.shape(1));
    for (std::size_t k = 0; k < words.shape(0); ++k)
      best.random_bits(words.data() + k * words.shape(1), 0, (count + 3) / 4, count, seed,
                       steps.at(k), site);
  });
  m.def("opcode", [](const std::string& name) { return backend_plain.opcode(name); });
}
