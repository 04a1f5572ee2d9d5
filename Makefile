# One door: make help.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

BIN := bin
PREFIX ?= /usr/local
FUZZTIME ?= 30s
BENCH ?= .
BENCHCOUNT ?= 6
# A former bin/bench.txt to compare with.
BASE ?=
# What to test, and further flags of go test: make test PKG=./dataplane/... FLAGS=-race
PKG ?= ./...
FLAGS ?=
TESTBED := go run ./deploy/testbed/cmd/testbed --
SQLC := controlplane/store/sqlc.yaml

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Start icehouse dev in the foreground: every role, SQLite, data in .icehouse/.
	@exec $(BIN)/icehouse dev

.PHONY: build
build: ## Build bin/icehouse.
	@mkdir -p $(BIN)
	go build -trimpath -o $(BIN)/icehouse ./cmd/icehouse

.PHONY: install
install: build ## Copy the binary to PREFIX/bin (PREFIX=/usr/local).
	install -D -m 0755 $(BIN)/icehouse $(PREFIX)/bin/icehouse

.PHONY: test
test: build ## Start the real components that tests need and run every test.
	$(TESTBED) go test -timeout 20m $(FLAGS) $(PKG)

.PHONY: corpus
corpus: ## Deploy services that people wrote, and send their operations.
	$(TESTBED) go test -count=1 $(FLAGS) ./cmd/icehouse/internal/corpustest

.PHONY: cover
cover: ## Test with coverage: cover.out, and a summary.
	$(TESTBED) go test -coverpkg=./... -coverprofile=cover.out $(PKG)
	@go tool cover -func=cover.out | tail -1

.PHONY: bench
bench: $(BIN)/benchstat ## Run every benchmark, BENCHCOUNT (6) times, and sum up: make bench PKG=./dataplane/dataplanetest BASE=old.txt
	@mkdir -p $(BIN)
	$(TESTBED) go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCHCOUNT) $(FLAGS) $(PKG) | tee $(BIN)/bench.txt
	$(BIN)/benchstat $(BASE) $(BIN)/bench.txt

.PHONY: fuzz
fuzz: ## Fuzz each target for FUZZTIME (30s).
	@for pkg in $$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' $(PKG)); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

.PHONY: lint
lint: $(BIN)/staticcheck ## Check format, vet, staticcheck, and the rules of the house.
	@files=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); \
	  if [ -n "$$files" ]; then echo "not formatted (gofmt -w):"; echo "$$files"; exit 1; fi
	go vet ./...
	$(BIN)/staticcheck ./...
	go test -count=1 .

.PHONY: generate
generate: $(BIN)/sqlc ## Write the generated code anew.
	$(BIN)/sqlc generate -f $(SQLC)
	go generate ./...

.PHONY: verify
verify: $(BIN)/sqlc ## Prove that generated code, modules and migrations agree with their sources.
	go mod verify
	go list -mod=readonly ./... > /dev/null
	$(BIN)/sqlc diff -f $(SQLC)
	.ci/unchanged go generate ./...
	@diff <(ls migrations/postgres) <(ls migrations/sqlite) || { echo "migrations: both engines need the same versions"; exit 1; }
	go test -count=1 .

# The tools of the checks are built from modules of their own, pinned there.

$(BIN)/staticcheck: .ci/tools/go.mod
	@mkdir -p $(BIN)
	go build -C .ci/tools -o $(CURDIR)/$@ honnef.co/go/tools/cmd/staticcheck

$(BIN)/sqlc: .ci/tools/sqlc/go.mod
	@mkdir -p $(BIN)
	CGO_ENABLED=0 go build -C .ci/tools/sqlc -o $(CURDIR)/$@ github.com/sqlc-dev/sqlc/cmd/sqlc

$(BIN)/benchstat: .ci/tools/benchstat/go.mod
	@mkdir -p $(BIN)
	go build -C .ci/tools/benchstat -o $(CURDIR)/$@ golang.org/x/perf/cmd/benchstat
