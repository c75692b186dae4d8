// The short way from an array to a prediction: one call, where nothing is different from last time.
//
// A prediction takes a few microseconds, and asking a network in Python what it is like would take
// many. So this looks by identity: the fields of every module are the very objects that they were,
// and the tensors have the versions that the weights in memory were written from. Where anything is
// not so, or the array is not just as the program takes it, it answers None, and the long way finds
// out what that means. It never decides that something is wrong.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <utility>
#include <vector>

#include "rows.hpp"

namespace gradus {

namespace nb = nanobind;

// Objects, and what their fields and the lists among these held.
class Fields {
 public:
  explicit Fields(const nb::list& objects) {
    for (nb::handle object : objects) {
      const nb::object fields = nb::borrow(nb::getattr(object, "__dict__"));
      Owner owner{nb::borrow(object), nb::borrow(object.type()), fields, {}};
      PyObject *key, *value;
      for (Py_ssize_t at = 0; PyDict_Next(fields.ptr(), &at, &key, &value);) {
        owner.fields.emplace_back(nb::borrow(key), nb::borrow(value));
        if (PyList_Check(value)) lists_.push_back({nb::borrow(value), items(value)});
      }
      owners_.push_back(std::move(owner));
    }
  }

  bool unchanged() const {
    if (cleared_) return false;
    for (auto& o : owners_)
      if (!o.unchanged()) return false;
    for (auto& [list, then] : lists_) {
      if (PyList_GET_SIZE(list.ptr()) != static_cast<Py_ssize_t>(then.size())) return false;
      for (std::size_t i = 0; i < then.size(); ++i)
        if (PyList_GET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i)) != then[i].ptr()) return false;
    }
    return true;
  }

  // From now on nothing is as it was.
  void clear() {
    cleared_ = true;
    owners_.clear();
    lists_.clear();
  }

  int traverse(visitproc visit, void* arg) {
    for (auto& o : owners_) {
      Py_VISIT(o.object.ptr());
      Py_VISIT(o.type.ptr());
      Py_VISIT(o.dict.ptr());
      for (auto& [key, value] : o.fields) {
        Py_VISIT(key.ptr());
        Py_VISIT(value.ptr());
      }
    }
    for (auto& [list, then] : lists_) {
      Py_VISIT(list.ptr());
      for (auto& item : then) Py_VISIT(item.ptr());
    }
    return 0;
  }

 private:
  struct Owner {
    nb::object object, type, dict;
    std::vector<std::pair<nb::object, nb::object>> fields;

    bool unchanged() const {
      const nb::object now = nb::steal(PyObject_GenericGetDict(object.ptr(), nullptr));
      if (!object.type().is(type) || !now.is(dict)) return false;
      std::size_t i = 0;
      PyObject *key, *value;
      for (Py_ssize_t at = 0; PyDict_Next(dict.ptr(), &at, &key, &value); ++i)
        if (i >= fields.size() || key != fields[i].first.ptr() || value != fields[i].second.ptr())
          return false;
      return i == fields.size();
    }
  };

  static std::vector<nb::object> items(PyObject* list) {
    std::vector<nb::object> found;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i)
      found.push_back(nb::borrow(PyList_GET_ITEM(list, i)));
    return found;
  }

  std::vector<Owner> owners_;
  std::vector<std::pair<nb::object, std::vector<nb::object>>> lists_;
  bool cleared_ = false;
};

// A view of the memory of an array, as dense rows.
class View {
 public:
  View(nb::handle array, int flags) {
    if (PyObject_GetBuffer(array.ptr(), &buffer_, flags) == 0)
      open_ = true;
    else
      PyErr_Clear();
  }
  ~View() {
    if (open_) PyBuffer_Release(&buffer_);
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  // Number of rows, or 0 where the array is not what is wanted.
  std::size_t rows(const std::string& format, const std::vector<Py_ssize_t>& row) const {
    if (!open_ || buffer_.ndim != static_cast<int>(row.size()) + 1 || format != buffer_.format ||
        !std::equal(row.begin(), row.end(), buffer_.shape + 1))
      return 0;
    return static_cast<std::size_t>(buffer_.shape[0]);
  }
  char* data() const { return static_cast<char*>(buffer_.buf); }

 private:
  Py_buffer buffer_{};
  bool open_ = false;
};

// Whoever has the interpreter's lock takes this for a function of rows, without keeping others from it.
class Holding {
 public:
  explicit Holding(Rows& rows) : lock_(rows.busy, std::try_to_lock) {
    if (lock_.owns_lock()) return;
    nb::gil_scoped_release release;
    lock_.lock();
  }

 private:
  std::unique_lock<std::mutex> lock_;
};

// One input, one output.
class Shortcut {
 public:
  // modules: whose fields must not have changed
  // tensors: whose versions must be those in memory
  // array, empty: numpy.ndarray and numpy.empty
  // format, row: of the input, as the buffer protocol has them
  // result_row, result_dtype: of the output
  Shortcut(nb::object rows, const nb::list& modules, const nb::list& tensors, nb::object array,
           nb::object empty, std::string format, std::vector<Py_ssize_t> row,
           std::vector<Py_ssize_t> result_row, nb::object result_dtype)
      : rows_(std::move(rows)),
        program_(nb::cast<Rows&>(rows_)),
        fields_(modules),
        array_(std::move(array)),
        empty_(std::move(empty)),
        format_(std::move(format)),
        row_(std::move(row)),
        result_row_(std::move(result_row)),
        result_dtype_(std::move(result_dtype)),
        check_(format_ == "f"   ? Rows::finite_floats
               : format_ == "d" ? Rows::finite_doubles
                                : Rows::unchecked) {
    for (nb::handle t : tensors) {
      tensors_.push_back(nb::borrow(t));
      addresses_.push_back(t.ptr());
    }
  }

  // The prediction, or None: go the long way.
  nb::object call(nb::handle x) {
    if (!x.type().is(array_)) return nb::none();
    const View from(x, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT);
    const std::size_t n = from.rows(format_, row_);
    if (n == 0) return nb::none();
    nb::object result = made(n);
    const View to(result, PyBUF_WRITABLE);
    const Holding holding(program_);
    if (!fields_.unchanged() || !program_.ready(n) || !program_.made_from(addresses_, versions()))
      return nb::none();
    return computed(n, from, to) ? result : nb::none();
  }

  int traverse(visitproc visit, void* arg) {
    Py_VISIT(rows_.ptr());
    for (auto& t : tensors_) Py_VISIT(t.ptr());
    return fields_.traverse(visit, arg);
  }

  void clear() { fields_.clear(); }

 private:
  static constexpr double brief = 1e6;  // operations: microseconds, in which nobody misses the lock

  bool computed(std::size_t n, const View& from, const View& to) const {
    try {
      if (program_.work(n) < brief) return program_.run(n, {from.data()}, {to.data()}, check_);
      nb::gil_scoped_release release;
      return program_.run(n, {from.data()}, {to.data()}, check_);
    } catch (const IndexError&) {
      return false;
    }
  }

  std::vector<std::int64_t> versions() const {
    std::vector<std::int64_t> found;
    found.reserve(tensors_.size());
    for (auto& t : tensors_) found.push_back(nb::cast<std::int64_t>(nb::getattr(t, version_)));
    return found;
  }

  nb::object made(std::size_t n) const {
    nb::object shape = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(result_row_.size()) + 1));
    PyTuple_SET_ITEM(shape.ptr(), 0, PyLong_FromSize_t(n));
    for (std::size_t i = 0; i < result_row_.size(); ++i)
      PyTuple_SET_ITEM(shape.ptr(), static_cast<Py_ssize_t>(i) + 1,
                       PyLong_FromSsize_t(result_row_[i]));
    return empty_(shape, result_dtype_);
  }

  nb::object rows_;
  Rows& program_;
  Fields fields_;
  std::vector<nb::object> tensors_;
  std::vector<const void*> addresses_;
  nb::object array_, empty_;
  nb::object version_ = nb::steal(PyUnicode_InternFromString("version"));
  std::string format_;
  std::vector<Py_ssize_t> row_, result_row_;
  nb::object result_dtype_;
  Rows::Check check_;
};

}  // namespace gradus
