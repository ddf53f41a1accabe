# Every target that does more than one command is a script in scripts/.
# ARGS are handed on: make dev ARGS='--addr 127.0.0.1:8080'

.PHONY: test build dev demo lint golden docs mutate fuzz bench test-clef

test:    ## all tests, after installing what they need
	@scripts/test

test-clef: ## the remote signer against clef itself, which is built for it
	go test -tags clef -run TestClef ./internal/rail/evm

build:   ## bin/till
	go build -trimpath -o bin/till ./cmd/till

dev:     ## the server in sandbox mode, with a chain of its own
	go run ./cmd/till dev $(ARGS)

demo:    ## four orders paid on that chain, checked step by step
	go run ./cmd/till demo $(ARGS)

lint:    ## gofmt, go vet, and staticcheck where it is installed
	@scripts/lint

golden:  ## write the golden files anew; read the diff before committing it
	@scripts/golden

docs:    ## write the generated documents anew: docs/states.md, docs/ledger.md, the tests' column of docs/cases.md
	go test -count=1 ./internal/order ./internal/archtest -run Docs -update

mutate:  ## takes one thing at a time out of the state machine and prints what no test notices (survivors)
	go test -count=1 -v ./internal/order -run TestMutation $(ARGS)

fuzz:    ## every fuzz target for FUZZTIME each (default 10s)
	@scripts/fuzz

bench:   ## how fast orders, payouts and quotes are created, statements of banks read and booked and names screened; writes bench/RESULTS.md, wants the machine for itself for some minutes
	go run ./bench $(ARGS)
