# What one needs: Go (the version of go.mod), make, a C compiler for the race
# detector. `make test` installs the rest of what the tests want (scripts/needs).

SEEDS    ?= 200
FUZZTIME ?= 20s
BENCHTIME ?= 10s
DEMO     ?= .demo

export CERTHALL_DEMO := $(DEMO)

.PHONY: run build test lint needs sim mutants bench fuzz demo-reset clean

## run: build everything and start the demo on 127.0.0.1:8083
run: build
	@exec bin/certhall demo

build:
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

## test: everything; says loudly what it could not run
test: needs lint build
	go test -race -timeout 20m $$(go list ./... | grep -v -e /sim$$ -e /e2e$$)
	go test -timeout 60m ./sim -args -seeds=$(SEEDS)
	go test -count=1 -timeout 20m ./e2e

lint:
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...

needs:
	@scripts/needs

## sim: every single fault, then SEEDS pairs of faults
sim:
	go test -count=1 -timeout 0 ./sim -args -seeds=$(SEEDS)

## mutants: switch every rule off in a copy of the source, one by one, and see the simulation fail
mutants:
	go run ./sim/mutants

## bench: pairs issued a second, beside the ceiling of this machine
bench: needs
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) -timeout 0 ./bench

## fuzz: every fuzz target for FUZZTIME
fuzz:
	@scripts/fuzz $(FUZZTIME)

## demo-reset: forget the demo's state; the next `make run` starts anew
demo-reset: build
	@bin/certhall demo --reset

clean:
	rm -rf bin
