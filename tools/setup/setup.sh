#!/usr/bin/env bash
# Installs everything that modeld is built and tested with: Debian packages, a virtual environment, LibTorch, OpenVINO,
# ONNX Runtime.
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

have() { command -v "$1" >/dev/null || [ -x "$venv/bin/$1" ]; }

apt_updated=
apt_refresh() {
  [ -z "$apt_updated" ] || return 0
  say "refreshing the package lists"
  as_root apt-get -qq update
  apt_updated=1
}

apt_install() {
  [ "${MODELD_SETUP_OFFLINE:-}" != 1 ] || die "missing Debian packages: $*"
  apt_refresh
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

# The directory of an installed package; empty: it is not there.
package_directory() {
  "$venv/bin/python" -c 'import importlib.util as u, sys; s = u.find_spec(sys.argv[1])
print(s.submodule_search_locations[0] if s else "")' "$1"
}

# Downloads the headers of Debian's libonnxruntime-dev, which 12 does not have, from the same archive's 13. They are not
# installed: ONNX Runtime's C interface is versioned, so that headers of 1.21 drive any newer library.
fetch_onnxruntime_headers() {
  local into=$1 site work
  # shellcheck disable=SC2016,SC1091  # apt fills these in
  site=$(. /etc/os-release && apt-get indextargets --format '$(RELEASE) $(SITE)' 'Created-By: Packages' |
    sed -n "s/^$VERSION_CODENAME //p" | sort -u)
  site=${site%%$'\n'*}
  [ -n "$site" ] || return 0
  work=$(mktemp -d)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s trixie main\n' "$site" >"$work/sources.list"
  local apt=(apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User="$(id -un)")
  if "${apt[@]}" update && (cd "$work" && "${apt[@]}" download libonnxruntime-dev) &&
    dpkg-deb -x "$work"/libonnxruntime-dev_*.deb "$work/unpacked"; then
    cp -r "$work/unpacked/usr/include/onnxruntime/." "$into/"
  fi
  rm -rf "$work"
}

# OpenVINO, and ONNX Runtime with headers in $venv/onnxruntime. What cannot be had is left out of the build, which says
# so.
install_engines() {
  say "installing OpenVINO and ONNX Runtime"
  "$venv/bin/pip" install --quiet --no-deps -r "$here/engines.txt" || say "warning: they cannot be installed here"
  local package root=$venv/onnxruntime
  package=$(package_directory onnxruntime)
  rm -rf "$root"
  [ -n "$package" ] || return 0
  mkdir -p "$root/include/onnxruntime" "$root/lib"
  ln -s "$(echo "$package"/capi/libonnxruntime.so.*)" "$root/lib/libonnxruntime.so.1"
  ln -s libonnxruntime.so.1 "$root/lib/libonnxruntime.so"
  if [ -e /usr/include/onnxruntime/onnxruntime_c_api.h ]; then
    cp -r /usr/include/onnxruntime/. "$root/include/onnxruntime/"
  else
    fetch_onnxruntime_headers "$root/include/onnxruntime"
  fi
  [ -e "$root/include/onnxruntime/onnxruntime_c_api.h" ] || say "warning: no headers of ONNX Runtime; built without it"
}

# Prometheus and promtool, for the tests, into $venv/bin. Not installed: Debian's package also starts a service.
fetch_prometheus() {
  local work
  if have prometheus && have promtool; then return; fi
  [ "${MODELD_SETUP_OFFLINE:-}" != 1 ] || die "missing programs: prometheus, promtool"
  apt_refresh
  say "fetching Prometheus"
  work=$(mktemp -d)
  if (cd "$work" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download prometheus) &&
    dpkg-deb -x "$work"/prometheus_*.deb "$work/unpacked"; then
    cp "$work"/unpacked/usr/bin/{prometheus,promtool} "$venv/bin/"
  else
    say "warning: no Prometheus; tests with it are skipped"
  fi
  rm -rf "$work"
}

# ONNX Runtime for browsers, for the tests, into $venv/web.
fetch_web_runtime() {
  local version=1.30.0
  [ ! -e "$venv/web/$version" ] || return 0
  [ "${MODELD_SETUP_OFFLINE:-}" != 1 ] || die "missing: onnxruntime-web $version in $venv/web"
  command -v npm >/dev/null || apt_install npm
  say "fetching onnxruntime-web"
  mkdir -p "$venv/web"
  if npm install --prefix "$venv/web" --silent --no-audit --no-fund --ignore-scripts "onnxruntime-web@$version" >/dev/null; then
    touch "$venv/web/$version"
  else
    say "warning: no onnxruntime-web; its test is skipped"
  fi
}

install_python_packages() {
  local stamp_file="$venv/.modeld-setup" stamp
  stamp=$(sha256sum "$here/setup.sh" "$here/requirements.txt" "$here/engines.txt" "$root/clients/python/pyproject.toml" \
    "$root/tools/export/pyproject.toml" \
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
  install_engines
  "$venv/bin/pip" install --quiet --no-deps -e "$root/clients/python" -e "$root/tools/export"
  printf '%s' "$stamp" >"$stamp_file"
  say "virtual environment: ready"
}

# Where CMake finds LibTorch and the other engines; read by the Makefile. LibTorch is left out where CMake looks by itself.
write_prefix_path() {
  local path=
  if given_libtorch; then
    say "LibTorch: the one given by Torch_DIR or CMAKE_PREFIX_PATH"
  else
    path=$("$venv/bin/python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')
    if [ -e "$path/share/cmake/Torch/TorchConfig.cmake" ]; then
      say "LibTorch: $("$venv/bin/python" -c 'import torch; print(torch.__version__)') from the virtual environment"
    else
      path=
      say "LibTorch: Debian's"
    fi
  fi
  local openvino
  openvino=$(package_directory openvino)
  [ -z "$openvino" ] || path="${path:+$path;}$openvino"
  [ ! -d "$venv/onnxruntime" ] || path="${path:+$path;}$venv/onnxruntime"
  printf '%s' "$path" >"$venv/.cmake-prefix-path"
}

install_system_packages
install_python_packages
fetch_prometheus
fetch_web_runtime
write_prefix_path
