# modeld: `make demo` shows the main job on real input, `make test` runs all tests; both set everything up first.
#
#   make build    set-up and build (build/dev)
#   make test     set-up, build, all tests, sanitizers included
#   make demo     set-up, build, then the main job before your eyes
#   make bench    set-up, build, measure; writes docs/benchmarks.json and docs/benchmarks.md
#   make bench-peers  other servers, which it installs in build/peers; adds them to the files of make bench
#   make zoo      set-up, build, try models of many kinds by every plan; writes docs/zoo.json and docs/engines.md
#   make conformance  set-up, build, run public clients of the Open Inference Protocol, each as it is installed
#   make torture  set-up, build, kill, swap, fill and disturb at full length; writes docs/torture.json and .md
#   make lint     format, static analysis, proto, Python, shell, systemd, man pages
#   make format   reformat the sources
#   make install  install the release build (DESTDIR and PREFIX are heeded)
#   make clean    remove build directories and the virtual environment

PRESET ?= dev
PREFIX ?= /usr
VENV   := $(if $(MODELD_VENV),$(MODELD_VENV),$(CURDIR)/.venv)
PYTHON := $(VENV)/bin/python
BUILD  := build/$(PRESET)
JOBS   ?= $(shell nproc)

export MODELD_BIN       := $(CURDIR)/$(BUILD)/daemon/server/modeld
export MODELCTL_BIN     := $(CURDIR)/$(BUILD)/registry/cli/modelctl
export LOAD_BIN         := $(CURDIR)/$(BUILD)/tools/bench/load/modeld_load
FLOORS := $(CURDIR)/$(BUILD)/tools/bench/floor
export CPP_EXAMPLE_BIN  := $(CURDIR)/$(BUILD)/clients/cpp/modeld_client_example

# Where set-up found LibTorch (unless the caller gives one) and the other engines.
prefix_path = $(shell cat $(VENV)/.cmake-prefix-path 2>/dev/null)
configure = cmake --preset $(1) $(if $(prefix_path),"-DCMAKE_PREFIX_PATH=$(prefix_path)") -DMODELD_PYTHON=$(PYTHON) \
            >build/$(1).configure.log 2>&1 || { cat build/$(1).configure.log; exit 1; }

.PHONY: help setup build test test-unit test-sanitizers test-python test-export test-integration test-conformance test-torture demo bench bench-peers zoo conformance torture lint format install clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   make/  make/p' Makefile

setup:
	@tools/setup/setup.sh
	@mkdir -p build

build: setup
	@echo "build: $(BUILD)"
	@$(call configure,$(PRESET))
	@cmake --build $(BUILD) -j $(JOBS)

test: test-unit test-python test-export test-integration test-conformance test-torture test-sanitizers
	@echo "test: all passed"

test-unit: build
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

test-python: build
	$(PYTHON) -m pytest -q tests/clients/python

# modeld-export, from modules to what the daemon says of their files. Each worker of pytest has a LibTorch of its own.
test-export: build
	$(PYTHON) -m pytest -q tests/tools/export -n 2 --dist loadfile --cov=modeld_export --cov-branch --cov-fail-under=90 \
	  --cov-report=term:skip-covered

test-integration: build
	$(PYTHON) -m pytest -q tests/integration

CONFORMANCE = $(PYTHON) tools/conformance/conformance.py --modeld $(MODELD_BIN) --modelctl $(MODELCTL_BIN) \
              --environments build/conformance

test-conformance: build
	$(CONFORMANCE) --quick

TORTURE = $(PYTHON) tools/torture/torture.py --modeld $(MODELD_BIN) --modelctl $(MODELCTL_BIN) --load $(LOAD_BIN)

test-torture: build
	@$(TORTURE) --short

# The torch-free rooms again under AddressSanitizer with UBSan, those with threads under ThreadSanitizer.
test-sanitizers: setup
	@$(call configure,asan)
	@cmake --build build/asan -j $(JOBS)
	ctest --preset asan -j $(JOBS)
	@$(call configure,tsan)
	@cmake --build --preset tsan -j $(JOBS)
	ctest --preset tsan -j $(JOBS)

demo: build
	@$(PYTHON) tools/demo/demo.py --modeld $(MODELD_BIN) --modelctl $(MODELCTL_BIN)

BENCH = $(PYTHON) tools/bench/bench.py --modeld $(MODELD_BIN) --modelctl $(MODELCTL_BIN) --load $(LOAD_BIN) \
  --echo $(FLOORS)/modeld_echo --forward $(FLOORS)/modeld_forward \
  --plans $(CURDIR)/$(BUILD)/tools/bench/engines/modeld_plan_bench \
  --image $(CURDIR)/$(BUILD)/tools/bench/vision/modeld_image_bench

bench: build
	@$(BENCH)

bench-peers: build
	@$(BENCH) --peers $(CURDIR)/build/peers

conformance: build
	$(CONFORMANCE)

zoo: build
	@$(PYTHON) tools/zoo/zoo.py --modeld $(MODELD_BIN)

# The random interleavings, many more of them, with and without ThreadSanitizer; then the real daemon.
torture: build
	@MODELD_TORTURE=1 GTEST_FILTER='*Random*' ctest --test-dir $(BUILD) --output-on-failure -R _test_
	@$(call configure,tsan)
	@cmake --build --preset tsan -j $(JOBS)
	@MODELD_TORTURE=1 GTEST_FILTER='*Random*' ctest --preset tsan
	@$(TORTURE)

lint: build
	@$(call configure,thread-safety)
	@VENV=$(VENV) BUILD=$(BUILD) tools/lint/lint.sh

format:
	git ls-files '*.h' '*.cc' | xargs clang-format -i
	$(VENV)/bin/ruff format --config tools/lint/ruff.toml clients/python tools tests

install: setup
	@$(call configure,release)
	@cmake --build build/release -j $(JOBS)
	cmake --install build/release --prefix $(PREFIX)

clean:
	rm -rf build $(VENV)
