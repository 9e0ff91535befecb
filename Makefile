# Parapheur: `make run` shows it, `make test` proves it.
SHELL   := /bin/bash
GO      ?= go
BIN     := bin/parapheur
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
LISTEN  ?= 127.0.0.1:8080
DATA    ?= data
# Further flags of `go test`, such as TESTFLAGS=-count=1.
TESTFLAGS ?=
LINT    ?= $(GO) tool -modfile=tools/lint/go.mod golangci-lint

# Where data races would matter: what is shared between requests, jobs and nodes.
RACE    ?= ./journal ./circuits ./certs ./approvals/... ./dossiers ./internal/blobs/... ./internal/child ./internal/keyring \
           ./internal/live ./internal/postgres ./internal/preview ./internal/work ./internal/wiring ./signing ./api ./web
# Not the tests that drive a browser: it takes the cores, and what it waits for gets no quicker by being watched.
RACE_SKIP ?= Browser|TestFromDepositToSigned|TestOtherRoads

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z/]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build bin/parapheur, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $(BIN) ./cmd/parapheur

.PHONY: build/hsm
build/hsm: ## Build bin/parapheur with keys in an HSM (PKCS#11); needs a C compiler
	CGO_ENABLED=1 $(GO) build -tags pkcs11 -trimpath -ldflags "$(LDFLAGS)" -o $(BIN) ./cmd/parapheur

.PHONY: run
run: build ## Start the demonstration town (installs PostgreSQL if it may)
	@[ -n "$$PARAPHEUR_DATABASE_URL" ] || scripts/setup.sh run
	@exec $(BIN) demo --listen $(LISTEN) --data $(DATA)

.PHONY: tour
tour: ## Play the whole journey in a real browser; pictures, letter and evidence in ./tour
	@scripts/setup.sh test
	PARAPHEUR_E2E_OUT=$(CURDIR)/tour $(GO) test ./e2e -run '^TestJourney$$' -count=1 -v
	@echo; echo "Letter, evidence and pictures are in ./tour:"; ls tour

.PHONY: test
test: ## Run every test (installs what they need if it may)
	@scripts/setup.sh test
	$(GO) test $(TESTFLAGS) ./...
	@if [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v "$$($(GO) env CC)" >/dev/null; then \
		echo "$(GO) test -tags pkcs11 ./certs/..."; $(GO) test -tags pkcs11 $(TESTFLAGS) ./certs/...; \
	elif [ "$$CI" = true ]; then echo "make test: no C compiler: PKCS#11 was not tested" >&2; exit 1; \
	else echo "make test: no C compiler: PKCS#11 was not tested" >&2; fi

.PHONY: race
race: ## Run the tests of what is shared under the race detector (RACE=./... for all)
	@scripts/setup.sh test
	$(GO) test -race -timeout 20m -skip '$(RACE_SKIP)' $(TESTFLAGS) $(RACE)

.PHONY: slow
slow: ## Suites against real servers and tools: a time-stamping authority, an S3 gateway, Keycloak, veraPDF, a database that ends again and again, linters of the OpenAPI document, Bruno
	@scripts/setup.sh slow
	$(GO) test -tags slow $(TESTFLAGS) -run 'Sigstore|S3|Linters|TypesAreCurrent|NothingBreaks|Keycloak|DatabaseEnds|VeraPDF' -v ./certs ./internal/blobs ./internal/intake ./api ./web
	@command -v npx >/dev/null || [ "$$CI" = true ] || { echo "make slow: no npx: the Bruno collection was not run" >&2; exit 0; }; scripts/bruno.sh

.PHONY: fuzz/api
fuzz/api: ## Drive every operation of a real server with what schemathesis makes up from the OpenAPI document
	@scripts/setup.sh slow
	$(GO) test -tags slow $(TESTFLAGS) -run Fuzzing -v ./api

.PHONY: cells
cells: ## Fail when a test never drove an operation to success, to one of its statuses, from another town, with a stale tag…
	$(GO) test ./api -count=1

.PHONY: load
load: ## 50 deposits a second of 200 KB letters with webhooks, two cores, two minutes (LOAD_SECONDS, LOAD_RATE); then the cost at 1,000 and at 1,000,000 letters (LOAD_LETTERS): docs/speed.md
	@scripts/setup.sh run
	PARAPHEUR_TEST_ON_DISK=1 $(GO) test -tags load -count=1 -timeout 60m -run 'TestLoad|TestCostIsFlat' -v ./e2e

.PHONY: conformance
conformance: ## EU DSS, pyHanko, veraPDF and others judge signed files of every kind; writes docs/conformance.md
	@scripts/setup.sh conformance
	$(GO) test -tags slow $(TESTFLAGS) -count=1 -timeout 60m -v ./signing/conformance -update

.PHONY: bench
bench: ## Speed and memory, as ratios to a floor measured in the same run (COUNT=5)
	$(GO) test -run '^$$' -bench . -benchtime 1x -count $(or $(COUNT),5) ./signing ./dossiers ./internal/blobs

.PHONY: bench/towns
bench/towns: ## The same questions with 10,000 dossiers in fifty towns and with BENCH_DOSSIERS (1,000,000): docs/speed.md
	PARAPHEUR_TEST_ON_DISK=1 BENCH_DOSSIERS=$(or $(BENCH_DOSSIERS),1000000) $(GO) test -run '^$$' -bench Towns -benchtime 1x -timeout 60m ./dossiers

.PHONY: fuzz
fuzz: ## Fuzz each parser for FUZZTIME (20s)
	scripts/fuzz.sh $(or $(FUZZTIME),20s)

.PHONY: lint
lint: ## golangci-lint and govulncheck (says so when the vulnerability database cannot be reached)
	$(LINT) run ./...
	@scripts/vulncheck.sh || { code=$$?; [ $$code = 75 ]; }

.PHONY: fmt
fmt: ## Format the Go files as the linters want them
	$(LINT) fmt

.PHONY: check
check: lint test ## Everything a reviewer runs

.PHONY: generate
generate: ## Write the documents that tests compare: table of circuits, OpenAPI, TypeScript types (with npx)
	$(GO) test ./circuits -run TestTable -update
	$(GO) test ./api -update
	@command -v npx >/dev/null && $(GO) test -tags slow ./api -run TypesAreCurrent -update || echo "make generate: no npx: the TypeScript types were not written" >&2

.PHONY: measure
measure: ## Comments, lengths of functions, tests: where the code stands
	@$(GO) run ./internal/measure .

.PHONY: clean
clean: ## Remove build results (never the data folder)
	rm -rf bin tour
