# The toolchain is pinned to the patch, since the zip's bytes depend on it; go.mod names it once.
export GOTOOLCHAIN := go$(shell sed -n 's/^go //p' go.mod)
RUN := go run -C scripts

help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

build: ## dist/registration.zip, and its pin in the template
	@$(RUN) ./build

demo: build ## a grant's whole life, on this machine
	@$(RUN) ./demo

.PHONY: help build demo
