package dev

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// Info is all that a client of a dev server needs. It is what --out writes.
type Info struct {
	BaseURL  string   `json:"base_url"` // no slash at the end
	Operator Operator `json:"operator"`
	Database string   `json:"database"` // the SQLite file, or the URL of PostgreSQL
	Chain    Chain    `json:"chain"`
	Sink     SinkInfo `json:"webhook_sink"`
	PayIn    PayIn    `json:"payin"`
	Koywe    Koywe    `json:"koywe"`
	Baanx    Baanx    `json:"baanx"`
	Glomo    Glomo    `json:"glomo"`
	Bank     *Bank    `json:"bank,omitempty"` // nil: there is none
}

// Operator is how to reach Till's own API.
type Operator struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// Chain is the chain in the process.
type Chain struct {
	RPCURL     string           `json:"rpc_url"`
	ControlURL string           `json:"control_url"` // POST /mine, /pause, /resume, /reorg, /time below it
	ChainID    uint64           `json:"chain_id"`
	Tokens     map[string]Token `json:"tokens"`
	PayerKey   string           `json:"payer_private_key"` // holds 1,000 ETH and 1e9 of each token
}

// Token is an ERC-20 contract.
type Token struct {
	Address  string `json:"address"`
	Decimals uint8  `json:"decimals"`
}

// SinkInfo is the receiver of the ready merchant's webhooks.
type SinkInfo struct {
	URL    string `json:"url"`
	LogURL string `json:"log_url"` // GET: what came; POST /fail below it: let the next ones fail
}

// PayIn is the ready merchant's access to the PayIn API.
type PayIn struct {
	BaseURL       string `json:"base_url"`
	APIKey        string `json:"api_key"`
	WebhookSecret string `json:"webhook_secret"`
}

// Koywe is the ready merchant's access to the Koywe API, with a key of its whole organisation.
type Koywe struct {
	BaseURL          string            `json:"base_url"`
	OrganizationID   string            `json:"organization_id"`
	MerchantID       string            `json:"merchant_id"`
	OtherMerchantID  string            `json:"other_merchant_id"` // of the same organisation
	APIKey           string            `json:"api_key"`
	Secret           string            `json:"secret"`
	FundedAccountIDs map[string]string `json:"funded_account_ids"` // virtual balances with money in them, by currency
	WebhookSecret    string            `json:"webhook_secret"`
}

// Glomo is the ready merchant's access to the Glomo API, and a customer of his.
type Glomo struct {
	BaseURL        string `json:"base_url"`
	SecretKey      string `json:"secret_key"`
	PublishableKey string `json:"publishable_key"`
	WebhookSecret  string `json:"webhook_secret"`
	CustomerID     string `json:"customer_id"`
}

// Bank is an account of the house at a bank that exists nowhere else.
type Bank struct {
	ID       string `json:"id"`
	Account  string `json:"account"`
	Currency string `json:"currency"`
	Method   string `json:"method"` // by which payers transfer to it
	Folder   string `json:"folder"` // with in, processed, failed and out
}

// Baanx is the ready merchant's client application at the Baanx API, and a user of it who has logged in.
type Baanx struct {
	BaseURL     string   `json:"base_url"`
	ClientID    string   `json:"client_id"`
	Email       string   `json:"email"`
	Password    string   `json:"password"`
	AccessToken string   `json:"access_token"` // of six hours
	ProductIDs  []string `json:"product_ids"`
	RedirectURI string   `json:"redirect_uri"` // that is registered
	GatewayURL  string   `json:"gateway_url"`  // of the simulated gateway: a payment's page is /pay/<id> below it, and says what becomes of it
}

// Write puts the info into a file that only its owner reads: complete, then renamed into place, so that
// whoever waits for the file never sees half of it.
func (i Info) Write(path string) error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(text, '\n'))
}

// writeFile writes a file of mode 0600 by renaming it into place.
func writeFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // CreateTemp makes it 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
