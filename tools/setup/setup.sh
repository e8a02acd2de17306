#!/usr/bin/env bash
# Installs everything that modeld is built and tested with: Debian packages, a virtual environment, LibTorch.
# Idempotent: the second run checks and ends within seconds. Called by `make`; never needed by hand.
#
#   Torch_DIR, CMAKE_PREFIX_PATH   an existing LibTorch, used instead of the wheel's where set
#   MODELD_VENV                    where the virtual environment lies (default: .venv)
#   MODELD_SETUP_OFFLINE=1         install nothing; fail naming what is missing
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${MODELD_VENV:-$root/.venv}
torch_version=2.13.0

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "must run as root or with sudo to install: $*"
  fi
}

missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || printf '%s\n' "$package"
  done
}

apt_updated=
apt_install() {
  [ "${MODELD_SETUP_OFFLINE:-}" != 1 ] || die "missing Debian packages: $*"
  if [ -z "$apt_updated" ]; then
    say "refreshing the package lists"
    as_root apt-get -qq update
    apt_updated=1
  fi
  say "installing Debian packages: $*"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

install_system_packages() {
  command -v dpkg-query >/dev/null ||
    die "this set-up knows Debian's packages only; install the equivalents of $here/packages.txt by hand"
  local wanted missing
  mapfile -t wanted < <(grep -v '^#' "$here/packages.txt")
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  if [ "${#missing[@]}" -gt 0 ]; then apt_install "${missing[@]}"; fi
  say "Debian packages: ${#wanted[@]} present"
}

# A LibTorch that the caller brings along?
given_libtorch() {
  [ -n "${Torch_DIR:-}" ] && return 0
  local prefix
  local IFS=':;'
  for prefix in ${CMAKE_PREFIX_PATH:-}; do
    [ -e "$prefix/share/cmake/Torch/TorchConfig.cmake" ] && return 0
  done
  return 1
}

# The wheel's CPU build where the package index offers it, else whatever it calls $torch_version.
pip_install_torch() {
  "$venv/bin/pip" install --quiet "torch==$torch_version+cpu" 2>/dev/null ||
    "$venv/bin/pip" install --quiet "torch==$torch_version"
}

install_python_packages() {
  local stamp_file="$venv/.modeld-setup" stamp
  stamp=$(sha256sum "$here/setup.sh" "$here/requirements.txt" "$root/clients/python/pyproject.toml" \
    "$root"/proto/modeld/v1/*.proto | sha256sum)
  if [ -f "$stamp_file" ] && [ "$(cat "$stamp_file")" = "$stamp" ] && [ -x "$venv/bin/python" ]; then
    say "virtual environment: up to date"
    return
  fi
  [ "${MODELD_SETUP_OFFLINE:-}" != 1 ] || die "the virtual environment $venv is missing or out of date"
  if [ ! -x "$venv/bin/python" ]; then
    say "making the virtual environment $venv"
    /usr/bin/python3 -m venv "$venv"
  fi
  if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    say "installing torch $torch_version (a few minutes)"
    if ! pip_install_torch; then
      say "no wheel of torch $torch_version for this Python: using Debian's libtorch-dev and python3-torch"
      apt_install libtorch-dev python3-torch
      /usr/bin/python3 -m venv --system-site-packages --clear "$venv"
    fi
  fi
  say "installing Python packages"
  "$venv/bin/pip" install --quiet -r "$here/requirements.txt"
  "$venv/bin/pip" install --quiet --no-deps -e "$root/clients/python"
  printf '%s' "$stamp" >"$stamp_file"
  say "virtual environment: ready"
}

# Where CMake finds LibTorch; read by the Makefile. Empty: where CMake looks by itself.
write_libtorch_prefix() {
  local prefix=
  if given_libtorch; then
    say "LibTorch: the one given by Torch_DIR or CMAKE_PREFIX_PATH"
  else
    prefix=$("$venv/bin/python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')
    if [ -e "$prefix/share/cmake/Torch/TorchConfig.cmake" ]; then
      say "LibTorch: $("$venv/bin/python" -c 'import torch; print(torch.__version__)') from the virtual environment"
    else
      prefix=
      say "LibTorch: Debian's"
    fi
  fi
  printf '%s' "$prefix" >"$venv/.libtorch-prefix"
}

install_system_packages
install_python_packages
write_libtorch_prefix
