package app

import (
	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/bank"
	"till/internal/worker"
)

// bankAccounts is how files of every bank account are imported. One that sends takes the bank's answers to its payment files too.
func bankAccounts(list []Bank, rails map[string]*bank.Rail) []worker.BankAccount {
	var all []worker.BankAccount
	for _, b := range list {
		settings := bank.Settings{Accounts: map[string]money.Asset{b.Account: b.Currency}, Account: b.Account, CSV: b.CSV}
		a := worker.BankAccount{Network: b.Network, Number: b.Account, Folder: b.Folder, Reader: func(head []byte) (rail.Reader, error) {
			format, err := bank.Detect(head)
			if err != nil {
				return nil, err
			}
			return bank.NewReader(format, settings), nil
		}}
		if r := rails[b.ID]; r != nil {
			a.Answered = r.Answered
			a.Answers = func(head []byte) bool {
				format, err := bank.Detect(head)
				return err == nil && format == bank.PAIN002
			}
		}
		all = append(all, a)
	}
	return all
}

// withBatches is the engine that asks the banks' rails which transfers left together.
func withBatches(e *engine.Engine, rails map[string]*bank.Rail) *engine.Engine {
	batches := map[rail.Name]rail.Batcher{}
	for _, r := range rails {
		batches[r.Name()] = r
	}
	return e.WithBatches(batches)
}
