package dev

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ethereum/go-ethereum/crypto"

	"till/internal/app"
	"till/internal/dialect/koywe"
	"till/internal/engine"
)

// Keys are what a dev server signs and is called with. They are kept in its data folder, so that a client
// goes on working over a restart.
type Keys struct {
	OperatorToken string `json:"operator_token"`
	APIKey        string `json:"payin_api_key"`
	KoyweKey      string `json:"koywe_api_key"`
	KoyweSecret   string `json:"koywe_secret"`
	BaanxClient   string `json:"baanx_client_id"`
	BaanxPassword string `json:"baanx_password"`
	WebhookSecret string `json:"webhook_secret"`
	PayerKey      string `json:"payer_private_key"`
	WalletSeed    string `json:"wallet_seed"` // the pool's addresses are made from it
}

// loadKeys reads the keys of a data folder, or makes them at the first start.
func loadKeys(dir string) (Keys, error) {
	path := filepath.Join(dir, "keys.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newKeys(path)
	}
	if err != nil {
		return Keys{}, err
	}
	var k Keys
	if err := json.Unmarshal(text, &k); err != nil {
		return Keys{}, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	if k.OperatorToken == "" || k.APIKey == "" || k.KoyweKey == "" || k.KoyweSecret == "" || k.BaanxClient == "" || k.BaanxPassword == "" || k.WebhookSecret == "" || k.PayerKey == "" || k.WalletSeed == "" {
		return Keys{}, fmt.Errorf("%s lacks a key; remove the file to have new ones made", path)
	}
	return k, nil
}

func newKeys(path string) (Keys, error) {
	payer, err := crypto.GenerateKey()
	if err != nil {
		return Keys{}, err
	}
	pair, err := app.NewKey(koywe.Name, engine.Sandbox, func(n int) ([]byte, error) { return random(n), nil })
	if err != nil {
		return Keys{}, err
	}
	k := Keys{
		OperatorToken: "op_" + randomHex(24),
		APIKey:        "pk_test_" + randomHex(16),
		KoyweKey:      pair.Key,
		KoyweSecret:   pair.Secret,
		BaanxClient:   "client_test_" + randomHex(16),
		BaanxPassword: randomHex(12),
		WebhookSecret: "whsec_" + base64.StdEncoding.EncodeToString(random(32)),
		PayerKey:      hex.EncodeToString(crypto.FromECDSA(payer)),
		WalletSeed:    randomHex(32),
	}
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return Keys{}, err
	}
	return k, writeFile(path, append(text, '\n'))
}

func randomHex(n int) string { return hex.EncodeToString(random(n)) }

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
