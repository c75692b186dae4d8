#!/usr/bin/env bash
# The C++ tests, and the Python tests of the native executor, under the address, undefined-behaviour and
# thread sanitizers. The first finding ends it.
#
#   native/tests/sanitize.sh .venv/bin
set -euo pipefail
bin=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
build=build/sanitize
# Python itself keeps much until its end, which is no leak of ours.
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1
targets=$("$bin/python" -c 'from gradus.compiler.native import targets; print(*targets())')

native/tests/build.sh "$bin" "$build" address,undefined
"$build/threads_test"
for target in $targets; do
  echo "== $target"
  "$build/gemm_test_$target" --few
  "$build/vecmath_test_$target"
done

echo "== threads"
native/tests/build.sh "$bin" build/sanitize-threads thread threads_test
# The thread sanitizer of older compilers does not know where newer kernels put things by chance.
chance=() && setarch -R true 2>/dev/null && chance=(setarch -R)
"${chance[@]}" build/sanitize-threads/threads_test

echo "== Python"
# A copy of the package with the extension of this build. Without -S the editable install would be found
# before it; what it needs beside comes from the same environment.
rm -rf "$build/site" && mkdir "$build/site"
cp -R src/gradus "$build/site/" && rm -f "$build"/site/gradus/_native*
"$bin/cmake" --install "$build" --prefix "$build/site"
packages=$("$bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
compiler=${CXX:-c++}
env LD_PRELOAD="$("$compiler" -print-file-name=libasan.so) $("$compiler" -print-file-name=libstdc++.so)" \
  PYTHONMALLOC=malloc PYTHONPATH="$PWD/$build/site:$packages" \
  "$bin/python" -S -m pytest -p no:cacheprovider --timeout 600 tests/compiler/native
