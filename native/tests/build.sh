#!/usr/bin/env bash
# Build the extension and the C++ tests in a folder of their own, beside what pip has installed.
#
#   native/tests/build.sh .venv/bin build/FOLDER [SANITIZERS [CMAKE_TARGET]]
set -euo pipefail
bin=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
"$bin/cmake" -S . -B "$2" -G Ninja -DCMAKE_BUILD_TYPE=Release -DGRADUS_TESTS=ON \
  -DGRADUS_SANITIZE="${3:-}" -DCMAKE_MAKE_PROGRAM="$bin/ninja" -DPython_EXECUTABLE="$bin/python" \
  -Dnanobind_DIR="$("$bin/python" -m nanobind --cmake_dir)" >/dev/null
"$bin/cmake" --build "$2" --target "${4:-all}"
