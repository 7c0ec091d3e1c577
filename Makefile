# The toolchain is pinned to the patch, since the zip's bytes depend on it; go.mod names it once. GOFLAGS and cgo are as
# in the function's own build, so that the standard library is compiled once for all, and without a C compiler. With GOGC
# the compiler and the tests collect less often, which spares a sixth of their time. The function sees none of it.
export GOTOOLCHAIN := go$(shell sed -n 's/^go //p' go.mod)
export GOFLAGS := -trimpath $(GOFLAGS)
export CGO_ENABLED := 0
export GOGC := 400
# $(call run,NAME) compiles scripts/NAME where its source has changed, and runs it. The first time it names what it
# compiles. An interrupted Go command leaves its temporary folder behind, so it gets one that is removed.
define run
@[ -x scripts/.bin/$1 ] || echo "compiling $1 and what it needs: once, a few seconds to a minute and a half" >&2
@tmp="$$PWD/scripts/.bin/tmp.$$$$"; trap 'rm -rf "$$tmp"' EXIT; trap 'exit 130' INT TERM; mkdir -p "$$tmp" && \
  GOTMPDIR="$$tmp" go build -C scripts $(if $(wildcard scripts/.bin/$1),,-v) -o .bin/$1 ./$1
@scripts/.bin/$1
endef

# What is given on the command line goes on in the environment, as it was written: no shell reads it, whatever is in it.
# The programs read it by scripts/internal/given.
GIVEN := ONLY REGION TICKET EXPIRES EXTERNAL_ID STACK ORGANIZATION ACCOUNT FORMAT PAGE NOTICES \
  CHECK TEMPLATE LINK POLICY REGISTRY DRY_RUN REGIONS UNTAGGED BEFORE ROUNDS FSYNC
# A name that nobody reads is a mistake: DRYRUN=1 would publish.
$(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$(if $(filter $(GIVEN) GO% run,$v),,\
  $(error $v is no variable that is read here: $(GIVEN)))))
$(foreach v,$(GIVEN),$(eval override $v := $$(value $v)))
export $(GIVEN)

help: ## print this
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p; s/^##  /\t/p' Makefile | expand -t 23

demo: build ## a grant's whole life on this machine, in a local AWS emulator
	$(call run,demo)

test: ## every check: linters, tests with the race detector, the lifecycle in the emulator
##  ONLY=word runs those with the word in their names
	$(call run,check)

lint: ## the linters alone
	$(call run,check) -lint

build: ## dist/registration.zip, and its pin in the templates
	$(call run,build)

bench: ## speed, size and memory beside the peers
	$(call run,bench)

load: ## the reference endpoint under 200 callers
##  BEFORE=commit measures an earlier one beside it, ROUNDS=n so often,
##  FSYNC=1ms with a slower disk
	$(call run,load)

storm: ## 10,000 accounts at one throttled endpoint, in virtual time
	$(call run,storm)

fuzz: ## fuzz each target for ten seconds, beyond the seeds that make test runs
	$(call run,check) -fuzz 10s

vulnerabilities: ## what the Go vulnerability database knows of the code that is shipped
	$(call run,check) -vulnerabilities

verify: ## for a reviewer: rebuild, and compare with this commit
##  TEMPLATE=file a download, LINK=url a link, STACK=name REGION=region what runs
	$(call run,verify)

audit: ## what the newest SecurityAudit grants that the limits do not know yet
##  POLICY=file reads it there and does not ask AWS
	$(call run,audit)

scan: ## what other scanners say of the templates, beside what template/REVIEW.md answers
##  REGISTRY=folder takes a checkout of AWS's Guard rules and does not fetch it
	$(call run,scan)

link: ## the launch of one support request, e.g. REGION=eu-west-1 TICKET=12345
##  more: ACCOUNT= EXPIRES= STACK= EXTERNAL_ID= FORMAT=cli|terraform
##  switches: PAGE=1 NOTICES=1 ORGANIZATION=1 CHECK=1
	$(call run,link)

publish: ## to the regions' buckets
##  DRY_RUN=1 shows what it would do, REGIONS=a,b narrows it, UNTAGGED=1 needs no tag
	$(call run,publish)

release: ## dist/: zip, templates, page, contract, SHA256SUMS, SBOM, licences
##  UNTAGGED=1 needs no tag
	$(call run,release)

pictures: ## the README's pictures, from real runs
	$(call run,demo) -svg scripts/demo/demo.svg
	$(call run,bench) -readme
	$(call run,storm) -write
	$(call run,screenshot)

.PHONY: help demo test lint build bench load storm fuzz vulnerabilities verify audit scan link publish release pictures
