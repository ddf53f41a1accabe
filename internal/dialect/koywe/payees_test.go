package koywe

import (
	"context"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/rail/evm"
	"till/internal/rail/sandbox"
)

// payees are the rails of the kit: chains take any address of theirs, the sandbox pays to every bank account.
type payees struct{}

func (payees) Address(_ engine.Network, address string) (string, error) {
	canonical, checksumOK, err := evm.ParseAddress(address)
	if err != nil || !checksumOK {
		return "", fault.New(fault.CodeInvalidAddress, "this is no address, or its upper and lower case do not fit")
	}
	return canonical, nil
}

func (payees) Bank(_ context.Context, a *engine.Account) (engine.Destination, error) {
	return engine.Destination{Rail: sandbox.Name, To: a.Bank.Number}, nil
}
