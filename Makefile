# The few things a developer does; each is a script that can be run by itself.
.PHONY: build test lint format install quickstart bench clean
build: ; swift build
test: ; scripts/test
lint: ; scripts/lint
format: ; scripts/lint --fix
install: ; scripts/install
quickstart: ; scripts/quickstart
bench: ; Benchmarks/run
clean: ; rm -rf .build .build-release
