# What one needs: Go (the version of go.mod), Node with npm, make. `make build`
# installs a C compiler, for libsoftkey, and `make test` the rest of what the
# tests want, where they are missing (scripts/needs).

SEEDS    ?= 200
FUZZTIME ?= 20s
BENCHTIME ?= 10s
CERTIFICATES ?= 1000000
DEMO     ?= .demo

export CERTHALL_DEMO := $(DEMO)

.PHONY: run build softkey softkey-windows compiler pages fonts api test lint needs journeys sim mutants windows bench fuzz demo-reset clean

## run: build everything and start the demo on 127.0.0.1:8083
run: build
	@exec bin/certhall demo

build: pages fonts softkey
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

# libsoftkey, the only program with C in it, and its header. Go's runtime must not
# end the programs that load it for a pointer they invented: invalidptr=0.
LIBSOFTKEY ?= bin/libsoftkey.so

softkey: compiler
	CGO_ENABLED=1 go build -trimpath -buildmode=c-shared -ldflags '-s -w -X runtime.godebugDefault=invalidptr=0' -o $(LIBSOFTKEY) ./cmd/softkey
	@rm -f $(basename $(LIBSOFTKEY)).h && cp cmd/softkey/skf.h $(dir $(LIBSOFTKEY))

# the same for 64-bit Windows
softkey-windows: export CC = x86_64-w64-mingw32-gcc
softkey-windows:
	@scripts/needs windows-compiler
	@$(MAKE) -s softkey LIBSOFTKEY=bin/libsoftkey.dll GOOS=windows GOARCH=amd64

compiler:
	@scripts/needs compiler

# the pages are part of the program: they are built before it, when they changed
pages: ui/dist/index.html

ui/dist/index.html: node_modules/.package-lock.json $(shell find ui sdk/page -type f -not -path '*/dist/*' -not -path '*/node_modules/*')
	npm run build

# the font of receipts, with its licence: part of the program too
FONT := node_modules/@expo-google-fonts/noto-sans-sc

fonts: hall/receipt/font/NotoSansSC.ttf.gz

hall/receipt/font/NotoSansSC.ttf.gz: node_modules/.package-lock.json
	cp $(FONT)/LICENSE_FONT hall/receipt/font/LICENSE
	gzip -9nc $(FONT)/400Regular/NotoSansSC_400Regular.ttf > $@ || { rm -f $@; exit 1; }

node_modules/.package-lock.json: package.json package-lock.json ui/package.json sdk/page/package.json e2e/browser/package.json
	npm ci
	@touch $@

## api: generate the pages' client from docs/openapi.json
api: node_modules/.package-lock.json
	npm run api

# The race detector does not watch what only computes: SQLite, moduli, curves and
# Argon2 would take most of the time, and share nothing of ours. Digests and ciphers
# it does watch: two goroutines must not share one. A package that holds copies of
# sync's generic code (sync.Map, atomic.Pointer) must not stand here: the linker may
# take its copy for the whole program, and races would be seen where there are none.
UNWATCHED := $(foreach library,modernc.org/sqlite/lib crypto/internal/fips140/bigmod crypto/internal/fips140/nistec/... \
	golang.org/x/crypto/argon2 golang.org/x/crypto/blake2b \
	github.com/emmansun/gmsm/internal/bigmod github.com/emmansun/gmsm/internal/sm2ec/...,-gcflags=$(library)=-race=false)

## test: everything; says loudly what it could not run
test: needs build lint
	npm test
	go test -vet=off -race $(UNWATCHED) -timeout 20m $$(go list ./... | grep -v -e /sim$$ -e /e2e$$)
	go test -vet=off -timeout 60m ./sim -args -seeds=$(SEEDS)
	go test -vet=off -count=1 -timeout 40m -parallel 5 ./e2e
	$(MAKE) journeys

## journeys: the portal in a real browser, against the real programs
journeys: needs build
	npm run journeys -w e2e/browser

lint: node_modules/.package-lock.json
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	npm run check
	@npm run --silent api >/dev/null && if [ -n "$$(git status --porcelain ui/api)" ]; then echo "ui/api is not what docs/openapi.json says: make api"; exit 1; fi

needs:
	@scripts/needs

## sim: every single fault, then SEEDS pairs of faults
sim:
	go test -count=1 -timeout 0 ./sim -args -seeds=$(SEEDS)

## mutants: switch every rule off in a copy of the source, one by one, and see the simulation fail
mutants:
	go run ./sim/mutants

## windows: the agent, its drivers and libsoftkey.dll under Wine. Not part of
## test: it wants Wine and MinGW, and shows what Wine does, not what Windows does
windows: fonts pages
	scripts/windows

## bench: pairs issued a second, beside the ceiling of this machine
bench: needs
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) -timeout 0 ./bench -certificates $(CERTIFICATES)

## fuzz: every fuzz target for FUZZTIME
fuzz:
	@scripts/fuzz $(FUZZTIME)

## demo-reset: forget the demo's state; the next `make run` starts anew
demo-reset: build
	@bin/certhall demo --reset

clean:
	rm -rf bin build sdk/page/dist node_modules
	find ui/dist -mindepth 1 -not -name .gitkeep -delete
