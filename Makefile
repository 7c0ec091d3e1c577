# The toolchain is pinned to the patch, since the zip's bytes depend on it; go.mod names it once.
export GOTOOLCHAIN := go$(shell sed -n 's/^go //p' go.mod)
# What a command is given, e.g. make link TICKET=12345, reaches the programs in the environment, never through a shell.
export STACK REGION TICKET EXPIRES EXTERNAL_ID ORGANIZATION REGIONS DRY_RUN
RUN := @go run -C scripts

help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

demo: build ## a grant's whole life on this machine, in a local AWS emulator
	$(RUN) ./demo

test: ## every check: linters, tests with the race detector, the lifecycle in the emulator
	$(RUN) ./check

fuzz: ## fuzz each target for ten seconds, beyond the seeds that make test runs
	$(RUN) ./check -fuzz 10s

build: ## dist/registration.zip, and its pin in the templates
	$(RUN) ./build

.PHONY: help demo test fuzz build
