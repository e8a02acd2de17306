#!/usr/bin/env bash
# All static checks. Called by `make lint`, with VENV and BUILD set; each check runs even if one before it failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
failed=()

check() {
  local name=$1
  shift
  if output=$("$@" 2>&1); then
    printf 'lint: %-22s ok\n' "$name"
  else
    printf 'lint: %-22s FAILED\n%s\n' "$name" "$output"
    failed+=("$name")
  fi
}

clang_format() { git ls-files '*.h' '*.cc' | xargs clang-format --dry-run -Werror; }

# The torch-free and gRPC-free rooms: fast to analyse, and where our own logic lives.
clang_tidy() {
  cmake --build build/thread-safety --target modeld_proto >/dev/null &&
    git ls-files 'registry/*.cc' 'daemon/engine/*.cc' 'daemon/lifecycle/*.cc' 'daemon/scheduling/*.cc' \
      'daemon/probe/*.cc' 'daemon/source/*.cc' | grep -v -e '^registry/cli/' -e '/libtorch/' -e '/onnxruntime/' -e '/openvino/' |
    xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/thread-safety
}

thread_safety() { cmake --build build/thread-safety; }

proto_lint() { "$VENV/bin/buf" lint proto; }

python_lint() {
  "$VENV/bin/ruff" check --config tools/lint/ruff.toml clients/python tools tests &&
    "$VENV/bin/ruff" format --check --config tools/lint/ruff.toml clients/python tools tests &&
    "$VENV/bin/mypy" --config-file clients/python/pyproject.toml clients/python/src &&
    "$VENV/bin/mypy" --config-file tools/export/pyproject.toml
}

shell_lint() { git ls-files '*.sh' .ci/run | xargs shellcheck; }

# The unit names programs by their installed paths; it is checked in a tree where they stand there.
systemd_units() { systemd/check.sh "$BUILD"; }

man_pages() { git ls-files '*.1' | xargs mandoc -T lint -W warning; }

check "clang-format" clang_format
check "thread-safety (clang)" thread_safety
check "clang-tidy" clang_tidy
check "buf lint" proto_lint
check "ruff, mypy" python_lint
check "shellcheck" shell_lint
check "systemd" systemd_units
check "man pages" man_pages

if [ "${#failed[@]}" -gt 0 ]; then
  printf 'lint: failed: %s\n' "${failed[*]}"
  exit 1
fi
