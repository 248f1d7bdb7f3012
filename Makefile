# `make` or `make help` prints what there is. Everything but `test` needs Go only; `test` says what it installs.

.DEFAULT_GOAL := help
.PHONY: help build deb test soak lint fuzz bench docs screenshots clean

FUZZTIME ?= 30s
PEOPLE   ?= 10000
GROUPS   ?= 200
LATENCY  ?= 20ms
OUT      ?= bin
NFPM     ?= github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
LOG      ?= soak.log

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## a static binary in bin/
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $(OUT)/ ./cmd/lockstep

# The version is the one that the program says of itself, unless VERSION has another. GOARCH builds for another machine.
deb: build ## a Debian package in bin/ (VERSION, GOARCH)
	@version='$(VERSION)'; [ -n "$$version" ] || version=$$(go version -m '$(OUT)/lockstep' | awk '$$1 == "mod" {print $$3}'); \
	case "$$version" in v[0-9]*|[0-9]*) ;; *) version=0.1.0-dev ;; esac; \
	VERSION="$$version" ARCH=$$(go env GOARCH) OUT='$(OUT)' SOURCE_DATE_EPOCH="$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)}" \
	GOOS= GOARCH= go run $(NFPM) package --config packaging/nfpm.yaml --packager deb --target '$(OUT)/'

test: ## everything that CI runs: form, vet, all tests (TESTFLAGS='-run X' narrows)
	./test.sh

soak: ## hours: random histories (5,000 changes a database), every pair of a target's quirks, 500 kills; what LOG (soak.log) says has passed is not run again
	{ go test ./provision -count=1 -timeout 0 -v -run '^TestIncrementalEqualsFull$$' -operations 5000 -resume '$(abspath $(LOG))'; histories=$$?; \
	  go test ./e2e/hostile -count=1 -timeout 0 -v -run '^TestPairs$$' -all-pairs -resume '$(abspath $(LOG))'; pairs=$$?; \
	  go test ./e2e -count=1 -timeout 0 -v -run '^TestBrokerKills$$' -signin-kills 100; signins=$$?; \
	  go test ./e2e -count=1 -timeout 0 -v -run '^TestKill(s|ed.*)$$' -kills 300 -resume '$(abspath $(LOG))' && exit $$((histories + pairs + signins)); } >>'$(LOG)' 2>&1 \
	  || { grep -E '^ *--- FAIL' '$(LOG)'; exit 1; }

lint: ## golangci-lint and govulncheck at their pinned versions (minutes, the first time)
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...
	go run golang.org/x/vuln/cmd/govulncheck@v1.8.0 ./...

fuzz: ## every fuzz target for FUZZTIME (30s) each
	@grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do \
	  sed -nE 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/p' "$$file" | while read -r target; do \
	    echo "$$(dirname "$$file") $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null || exit 1; \
	  done || exit 1; done

bench: ## one provisioning cycle measured (PEOPLE, GROUPS, LATENCY)
	go run ./cmd/lockstep bench cycle --people $(PEOPLE) --groups $(GROUPS) --latency $(LATENCY) -o json

docs: ## the generated pages of docs/
	go test . -run '^TestErrorsPage$$' -update
	go test ./provision -run '^TestForetoldPage$$' -update
	go test ./webexorg -run '^TestOperationsPage$$' -update
	go test ./upstream -run 'Page$$' -update
	go test ./server -run '^TestMetricsPage$$' -update
	go test ./e2e -run '^Test(OpenID|RelyingParty)Modules$$' -update
	go test ./cmd/lockstep -run '^Test(Configuration|Commands)Page$$' -update
	go test ./api -run '^TestPage$$' -update
	go test ./operate -run '^TestAttributesPage$$' -update

screenshots: ## the console's pages as pictures in docs/screens (needs chromium)
	SCREENSHOTS=$(CURDIR)/docs/screens go test ./e2e -count=1 -run '^(TestSetUpInBrowser|TestBrokerConsole|TestControlHubInBrowser)$$' -v

clean: ## what build and test leave behind
	rm -rf $(OUT) e2e/node/node_modules e2e/webex/node_modules e2e/idp/node_modules e2e/mail/node_modules e2e/goparts/bin
