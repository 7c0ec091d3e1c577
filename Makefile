# The toolchain is pinned to the patch, since the zip's bytes depend on it; go.mod names it once. GOFLAGS and cgo are as in
# the function's own build, so that the standard library is compiled once for all, and without a C compiler. With GOGC the
# compiler and the tests collect less often, which spares a sixth of their time. The function sees none of it.
export GOTOOLCHAIN := go$(shell sed -n 's/^go //p' go.mod)
export GOFLAGS := -trimpath $(GOFLAGS)
export CGO_ENABLED := 0
export GOGC := 400
RUN := @go run -C scripts
# What was given on the command line, as one word for the shell, whatever is in it.
given = '$(subst ','\'',$(value $1))'
unexport STACK REGION TICKET EXPIRES EXTERNAL_ID ORGANIZATION REGIONS DRY_RUN

help: ## print this
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 23

demo: build ## a grant's whole life on this machine, in a local AWS emulator
	$(RUN) ./demo

test: ## every check: linters, tests with the race detector, the lifecycle in the emulator
	$(RUN) ./check

build: ## dist/registration.zip, and its pin in the templates
	$(RUN) ./build

bench: ## speed, size and memory beside the peers
	$(RUN) ./bench

storm: ## 10,000 accounts at one throttled endpoint, in virtual time
	$(RUN) ./storm

fuzz: ## fuzz each target for ten seconds, beyond the seeds that make test runs
	$(RUN) ./check -fuzz 10s

vulnerabilities: ## what the Go vulnerability database knows of the code that is shipped
	$(RUN) ./check -vulnerabilities

verify: ## for a reviewer: rebuild and compare; with STACK=name, what runs in the account too
	$(RUN) ./verify -stack $(call given,STACK) -region $(call given,REGION)

link: ## the quick-create link, e.g. make link REGION=eu-west-1 TICKET=12345
	$(RUN) ./link -region $(call given,REGION) -ticket $(call given,TICKET) -expires $(call given,EXPIRES) \
	  -external-id $(call given,EXTERNAL_ID) -stack $(call given,STACK) -organization $(call given,ORGANIZATION)

publish: ## to the regions' buckets; DRY_RUN=1 shows what it would do, REGIONS=a,b narrows it
	$(RUN) ./publish -dry-run $(call given,DRY_RUN) -regions $(call given,REGIONS)

release: ## dist/: zip, templates, contract, SHA256SUMS, SBOM, licences
	$(RUN) ./release

pictures: ## the README's pictures, from real runs
	$(RUN) ./demo -svg demo/demo.svg
	$(RUN) ./bench -readme
	$(RUN) ./storm -write

.PHONY: help demo test build bench storm fuzz vulnerabilities verify link publish release pictures
