# Parapheur: `make run` shows it, `make test` proves it.
SHELL   := /bin/bash
GO      ?= go
BIN     := bin/parapheur
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
LISTEN  ?= 127.0.0.1:8080
DATA    ?= data

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z/]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build bin/parapheur
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $(BIN) ./cmd/parapheur

.PHONY: run
run: build ## Start the demonstration town (installs PostgreSQL if it may)
	@[ -n "$$PARAPHEUR_DATABASE_URL" ] || scripts/setup.sh run
	@exec $(BIN) demo --listen $(LISTEN) --data $(DATA)

.PHONY: tour
tour: build ## Play the whole journey in a real browser; pictures, letter and evidence in ./tour
	@scripts/setup.sh test
	PARAPHEUR_E2E_OUT=$(CURDIR)/tour $(GO) test ./e2e -run '^TestJourney$$' -count=1 -v
	@echo; echo "Letter, evidence and pictures are in ./tour"; ls tour

.PHONY: test
test: ## Run every test (installs what they need if it may)
	@scripts/setup.sh test
	$(GO) test ./...

.PHONY: race
race: ## Run every test under the race detector
	@scripts/setup.sh test
	$(GO) test -race ./...

.PHONY: slow
slow: ## Suites that build real servers: a TSA, an S3 gateway
	$(GO) test -tags slow -run 'Slow|S3|Sigstore' ./certs/... ./internal/blobs/...

.PHONY: bench
bench: ## Speed and memory, as ratios to a floor measured in the same run
	$(GO) test -run '^$$' -bench . -benchtime 1x -count $(or $(COUNT),5) ./signing ./dossiers ./internal/blobs

.PHONY: fuzz
fuzz: ## Fuzz each parser for FUZZTIME (20s)
	scripts/fuzz.sh $(or $(FUZZTIME),20s)

.PHONY: lint
lint: ## golangci-lint and govulncheck
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...
	$(GO) tool -modfile=tools/go.mod govulncheck ./...

.PHONY: check
check: lint test ## Everything a reviewer runs

.PHONY: generate
generate: ## Write the documents that tests compare: circuits table, OpenAPI
	$(GO) test ./circuits ./api -update

.PHONY: clean
clean: ## Remove build results (never the data folder)
	rm -rf bin tour
