# Relais. Two commands do everything on a fresh Debian machine with Go, git and
# make: `make demo` and `make test`. Both install what they do not find.

export CGO_ENABLED = 1

INSTALL = sh internal/testkit/install.sh
SOURCES = cmd internal sql ui testdata

.DEFAULT_GOAL := help
.PHONY: help demo test vuln build bench screenshots fmt vet clean

help: ## say what can be done here (the default)
	@echo "Relais: a mandat given at the counter, used at a public service, journalled."
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "New here? make demo"

demo: build ## build and start Relais with its sandbox, and say where to click
	@bin/relais demo

test: ## run every test: both databases, a real browser, the race detector
	@$(INSTALL) test
	@$(MAKE) --no-print-directory vet
	go test -race -shuffle=on -p 2 -timeout 25m ./...

vuln: ## look for known vulnerabilities (VULNDB=folder or .tgz for an offline database)
	@sh internal/testkit/vuln.sh "$(VULNDB)"

build: ## build bin/relais
	@$(INSTALL) build
	go build -trimpath -o bin/relais ./cmd/relais

bench: ## print what the journal and a delegated login cost; never fails
	@$(INSTALL) test
	-go test -run '^$$' -bench . -benchtime 1x -count 1 -p 1 -timeout 40m ./internal/... ./cmd/...

screenshots: ## take the pictures of docs/screenshots again
	@$(INSTALL) test
	TEST_SCREENSHOTS="$(CURDIR)/docs/screenshots" go test -count 1 -timeout 20m -run '^TestScreenshots$$' ./cmd/relais

fmt: ## format the Go code
	gofmt -w $(wildcard $(SOURCES))

vet: ## check format and run go vet
	@bad=$$(gofmt -l $(wildcard $(SOURCES))); [ -z "$$bad" ] || { echo "not gofmt'ed (make fmt):" $$bad; exit 1; }
	go vet ./...

clean: ## remove what the build made (not the demo's data)
	rm -rf bin
