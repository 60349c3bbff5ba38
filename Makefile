# A thin front to CMake: `make run`, `make test`. `make help` lists all.
PREFIX ?= /usr/local
MODEL ?=
ARGS ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
.DEFAULT_GOAL := help
.PHONY: run test build-release build-check install uninstall bench clean help deps

deps:
	@sh scripts/install-deps

build-release: deps
	@cmake --preset release > /dev/null
	@cmake --build --preset release -j $(JOBS)

build-check: deps
	@cmake --preset check > /dev/null
	@cmake --build --preset check -j $(JOBS)

run: build-release ## build and run the demo; MODEL=f.onnx: check and time that model instead
ifeq ($(strip $(MODEL)),)
	@build/release/examples/demo
else
	@sh scripts/run-model build/release/tenon "$(MODEL)"
endif

test: build-check ## build with assertions and run all tests
	@ctest --test-dir build/check -j $(JOBS) --output-on-failure

bench: build-release ## measure against ONNX Runtime into docs/performance.md; ARGS=--quick: try out
	@sh scripts/bench $(ARGS)

install: build-release ## install the library, headers, CMake and pkg-config packages and the tool under PREFIX
	@cmake --install build/release --prefix "$(DESTDIR)$(PREFIX)"

uninstall: ## remove what the last `make install` of this tree installed
	@if [ -f build/release/install_manifest.txt ]; then \
	    while IFS= read -r file || [ -n "$$file" ]; do rm -f -- "$$file" && echo "removed $$file"; done < build/release/install_manifest.txt; \
	else echo "uninstall: no build/release/install_manifest.txt: nothing was installed from this tree"; fi

clean: ## remove the build folder
	@rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
