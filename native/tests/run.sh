#!/usr/bin/env bash
# Build the C++ tests in build/native-test, and run them for each instruction set of this processor.
#
#   native/tests/run.sh .venv/bin
#
# vecmath_test puts all 2^32 floats to each function of one argument: minutes for each instruction set.
set -euo pipefail
bin=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
build=build/native-test

native/tests/build.sh "$bin" "$build"
"$build/threads_test"
for target in $("$bin/python" -c 'from gradus.compiler.native import targets; print(*targets())'); do
  echo "== $target"
  "$build/gemm_test_$target"
  "$build/vecmath_test_$target"
  "$build/vecmath_test_$target" --all
done
