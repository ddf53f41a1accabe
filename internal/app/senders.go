package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml" // MIT
	"github.com/ethereum/go-ethereum/common"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/evm"
	"till/internal/secrets"
)

// SenderSection is a network's hot wallet: a keystore file with its password, or a signer. With neither there is none,
// and nothing can be sent on the network.
type SenderSection struct {
	Keystore     string       `toml:"keystore"`
	PasswordFile string       `toml:"password_file"`
	PasswordEnv  string       `toml:"password_env"`
	SignerURL    secrets.Text `toml:"signer_url"` // it may hold a key
	Address      string       `toml:"address"`    // of the signer's account
	MaxFee       string       `toml:"max_fee"`    // gwei, a decimal
	BumpAfter    Duration     `toml:"bump_after"`
	MinCoin      string       `toml:"min_coin"` // whole coins, a decimal
	StartNonce   uint64       `toml:"start_nonce"`
}

// LimitSection bounds what leaves in one token without a second person; empty is no bound.
type LimitSection struct {
	PerOrder string `toml:"per_order"`
	PerDay   string `toml:"per_day"`
}

// Sender is how a network's hot wallet sends. Signer is nil until its key was opened: commands that only read never
// open it.
type Sender struct {
	Signer    evm.Signer
	MaxFee    *big.Int // wei for a unit of gas
	BumpAfter time.Duration
	MinCoin   money.Amount
	Start     uint64

	keystore, address string // where its address is found without its key: the file, or the address itself
}

const (
	minBump = Duration(10 * time.Second)
	maxBump = Duration(24 * time.Hour)
	maxGwei = 9 // decimals of a fee in gwei: one is a wei
)

// sender checks the section and returns what it says without its key; nil where there is no hot wallet.
func (s SenderSection) sender(n engine.Network, rpc []string) (*Sender, error) {
	key := func(name string) toml.Key { return toml.Key{"networks", n.ID, "sender", name} }
	if s.Keystore == "" && s.SignerURL == "" {
		if s.Address != "" || s.PasswordFile != "" || s.PasswordEnv != "" {
			return nil, wrong(toml.Key{"networks", n.ID, "sender"}, "neither a keystore nor a signer_url is given")
		}
		return nil, nil
	}
	switch {
	case s.Keystore != "" && s.SignerURL != "":
		return nil, wrong(key("signer_url"), "a keystore is given too: the key is in one place")
	case s.Keystore != "" && (s.PasswordFile == "") == (s.PasswordEnv == ""):
		return nil, wrong(key("keystore"), "its password is in a password_file or in the environment, as password_env says: give one of both")
	case s.Keystore != "" && s.Address != "":
		return nil, wrong(key("address"), "a keystore says itself whose it is")
	case len(rpc) == 0:
		return nil, wrong(toml.Key{"networks", n.ID, "sender"}, "the network has no RPC URL")
	case s.BumpAfter < minBump || s.BumpAfter > maxBump:
		return nil, wrong(key("bump_after"), "want %s to %s", time.Duration(minBump), time.Duration(maxBump))
	}
	out := &Sender{BumpAfter: time.Duration(s.BumpAfter), Start: s.StartNonce, keystore: s.Keystore, address: s.Address}
	fee, err := money.Parse(money.MustAsset("GWEI", "", maxGwei), s.MaxFee)
	if err != nil || fee.Sign() <= 0 {
		return nil, wrong(key("max_fee"), "want a decimal number of gwei above zero, like \"100\"")
	}
	out.MaxFee = fee.Big()
	if s.MinCoin != "" {
		if n.Coin.IsZero() {
			return nil, wrong(key("min_coin"), "the network says no native coin")
		}
		if out.MinCoin, err = money.Parse(n.Coin, s.MinCoin); err != nil || out.MinCoin.Sign() < 0 {
			return nil, wrong(key("min_coin"), "want a decimal, like \"0.05\"")
		}
	}
	return out, nil
}

// open gives the sender its key, or who has it.
func (s SenderSection) open(network, dir string, env func(string) string) (evm.Signer, error) {
	key := func(name string) string { return "networks." + network + ".sender." + name }
	if s.SignerURL != "" {
		canonical, checksumOK, err := evm.ParseAddress(s.Address)
		if err != nil || !checksumOK {
			return nil, fmt.Errorf("%s: want the address of the signer's account", key("address"))
		}
		signer, err := evm.RemoteSigner(s.SignerURL.Reveal(), common.HexToAddress(canonical), 0)
		if err != nil {
			return nil, fmt.Errorf("%s: want an http or https URL", key("signer_url"))
		}
		return signer, nil
	}
	file, err := secrets.ReadFile(under(dir, s.Keystore))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key("keystore"), err)
	}
	var password secrets.Text
	if s.PasswordEnv != "" {
		if password = secrets.Text(env(s.PasswordEnv)); password == "" {
			return nil, fmt.Errorf("%s: the environment has no %s", key("password_env"), s.PasswordEnv)
		}
	} else {
		if password, err = secrets.ReadFile(under(dir, s.PasswordFile)); err != nil {
			return nil, fmt.Errorf("%s: %w", key("password_file"), err)
		}
		password = secrets.Text(strings.TrimRight(password.Reveal(), "\r\n"))
	}
	private, err := evm.OpenKeystore([]byte(file.Reveal()), password.Reveal())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key("keystore"), err)
	}
	return evm.KeySigner(private), nil
}

// wallet is the address of the hot wallet, found without its password; "" where there is none, or none to be read.
func (s *Sender) wallet(dir string) string {
	if s == nil {
		return ""
	}
	text := s.address
	if s.keystore != "" {
		var file struct {
			Address string `json:"address"`
		}
		raw, err := os.ReadFile(under(dir, s.keystore))
		if err != nil || json.Unmarshal(raw, &file) != nil {
			return ""
		}
		text = "0x" + strings.TrimPrefix(file.Address, "0x")
	}
	canonical, _, err := evm.ParseAddress(text)
	if err != nil {
		return ""
	}
	return canonical
}

// openSenders opens the key of every hot wallet.
func (f File) openSenders(cfg *Config, env func(string) string) error {
	for i := range cfg.Networks {
		n := &cfg.Networks[i]
		if n.Sender == nil {
			continue
		}
		signer, err := f.Networks[n.ID].Sender.open(n.ID, cfg.Dir, env)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: see docs/how-to/hot-wallet.md", err)
		}
		if err != nil {
			return err
		}
		n.Sender.Signer = signer
	}
	return nil
}

// limitsOf checks a network's limits.
func limitsOf(n engine.Network, sections map[string]LimitSection) (map[money.Asset]engine.Limit, error) {
	limits := map[money.Asset]engine.Limit{}
	for _, code := range slices.Sorted(maps.Keys(sections)) {
		key := func(name string) toml.Key { return toml.Key{"networks", n.ID, "limits", code, name} }
		asset := n.Coin
		if asset.IsZero() || asset.Code() != code {
			var err error
			if asset, err = n.Asset(code); err != nil {
				return nil, wrong(toml.Key{"networks", n.ID, "limits", code}, "the network has no token %s", code)
			}
		}
		var l engine.Limit
		for _, bound := range []struct {
			name, text string
			to         *money.Amount
		}{{"per_order", sections[code].PerOrder, &l.Order}, {"per_day", sections[code].PerDay, &l.Day}} {
			if bound.text == "" {
				continue
			}
			amount, err := money.Parse(asset, bound.text)
			if err != nil || amount.Sign() <= 0 {
				return nil, wrong(key(bound.name), "want a decimal above zero with at most %d decimals, or nothing", asset.Scale())
			}
			*bound.to = amount
		}
		limits[asset] = l
	}
	return limits, nil
}

// limits is what the engine is told of every network's.
func limits(cfg Config) engine.Limits {
	all := engine.Limits{}
	for _, n := range cfg.Networks {
		if len(n.Limits) > 0 {
			all[n.Rail] = n.Limits
		}
	}
	for _, b := range cfg.Banks {
		if !b.Limit.Order.Asset().IsZero() || !b.Limit.Day.Asset().IsZero() {
			all[b.Rail] = map[money.Asset]engine.Limit{b.Currency: b.Limit}
		}
	}
	return all
}

// sender makes the rail that sends on a network; nil where there is no hot wallet.
func sender(n Network, watcher *evm.Rail, state rail.State) (rail.Sender, error) {
	if n.Sender == nil || watcher == nil {
		return nil, nil
	}
	return evm.NewSender(watcher, evm.SendConfig{
		Signer: n.Sender.Signer, State: state, MaxFee: n.Sender.MaxFee, BumpAfter: n.Sender.BumpAfter, Coin: n.Coin, MinCoin: n.Sender.MinCoin, Start: n.Sender.Start,
	})
}
