package evm

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/ethereum/go-ethereum/crypto"
)

const (
	junk = "test test test test test test test test test test test junk"
	h    = hdkeychain.HardenedKeyStart
)

// derived is the private key at a path of a mnemonic's seed (BIP-39, BIP-32).
func derived(t *testing.T, mnemonic string, path ...uint32) *hdkeychain.ExtendedKey {
	t.Helper()
	seed, err := pbkdf2.Key(sha512.New, mnemonic, []byte("mnemonic"), 2048, 64)
	if err != nil {
		t.Fatal(err)
	}
	return fromSeed(t, hex.EncodeToString(seed), path...)
}

func fromSeed(t *testing.T, seed string, path ...uint32) *hdkeychain.ExtendedKey {
	t.Helper()
	raw, err := hex.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	// The version bytes of "xprv"; a master key's text is made from its seed as in BIP-32.
	key, err := hdkeychain.NewMaster(raw, &chaincfg.MainNetParams)
	for _, i := range path {
		if err == nil {
			key, err = key.Derive(i)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(t *testing.T, key *hdkeychain.ExtendedKey) string {
	t.Helper()
	pub, err := key.Neuter()
	if err != nil {
		t.Fatal(err)
	}
	return pub.String()
}

// The addresses every development chain begins with.
func TestXPubAddresses(t *testing.T) {
	const account = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP"
	if text := public(t, derived(t, junk, h+44, h+60, h+0)); text != account {
		t.Fatalf("the account's key is %s", text)
	}
	x, err := ParseXPub(account)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
		"0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
		"0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65", "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
		"0x976EA74026E726554dB657fA54763abd0C3a0aa9", "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
		"0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f", "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
	} {
		if got, ok := x.Address(int64(i)); !ok || got != want {
			t.Errorf("0/%d is %s, want %s", i, got, want)
		}
	}
	// Against the private half, which the server never has.
	for _, i := range []uint32{10, 999, 1 << 20, h - 1} {
		private, err := derived(t, junk, h+44, h+60, h+0, 0, i).ECPrivKey()
		if err != nil {
			t.Fatal(err)
		}
		want := crypto.PubkeyToAddress(private.ToECDSA().PublicKey).Hex()
		if got, ok := x.Address(int64(i)); !ok || got != want {
			t.Errorf("0/%d is %s, want %s", i, got, want)
		}
	}
	for _, i := range []int64{-1, h, h + 5, 1 << 40} {
		if got, ok := x.Address(i); ok || got != "" {
			t.Errorf("index %d has the address %s", i, got)
		}
	}
}

// The test vectors of BIP-32 pin how keys are derived and written.
func TestBIP32Vectors(t *testing.T) {
	const seed = "000102030405060708090a0b0c0d0e0f"
	for _, v := range []struct {
		path []uint32
		want string
	}{
		{nil, "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8"},
		{[]uint32{h}, "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw"},
		{[]uint32{h, 1}, "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ"},
		{[]uint32{h, 1, h + 2}, "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5"},
	} {
		got := public(t, fromSeed(t, seed, v.path...))
		if got != v.want {
			t.Errorf("%v is\n%s, want\n%s", v.path, got, v.want)
		}
		_, err := ParseXPub(got)
		if isAccount := len(v.path) == 3; isAccount != (err == nil) || !isAccount && !errors.Is(err, ErrAccount) {
			t.Errorf("%v: %v", v.path, err)
		}
	}
}

// case 93: what can spend is refused, said clearly and never repeated.
func TestParseXPubRefuses(t *testing.T) {
	account := derived(t, junk, h+44, h+60, h+0)
	good := public(t, account)
	disguised, err := account.CloneWithVersion(chaincfg.MainNetParams.HDPublicKeyID[:])
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		text string
		want error
	}{
		"an account's private key":    {account.String(), ErrPrivateKey},
		"a master private key":        {derived(t, junk).String(), ErrPrivateKey},
		"a damaged private key":       {account.String()[:80], ErrPrivateKey},
		"a testnet's private key":     {"t" + account.String()[1:], ErrPrivateKey},
		"a mnemonic":                  {junk, ErrPrivateKey},
		"a plain private key":         {"0x" + strings.Repeat("1a", 32), ErrPrivateKey},
		"nothing":                     {"", ErrXPub},
		"an address":                  {alice, ErrXPub},
		"a typing error":              {good[:50] + "1" + good[51:], ErrXPub},
		"cut off":                     {good[:100], ErrXPub},
		"a master's public key":       {public(t, derived(t, junk)), ErrAccount},
		"the external chain's":        {public(t, derived(t, junk, h+44, h+60, h+0, 0)), ErrAccount},
		"an address's":                {public(t, derived(t, junk, h+44, h+60, h+0, 0, 0)), ErrAccount},
		"a child that any could be":   {public(t, derived(t, junk, h+44, h+60, 0)), ErrAccount},
		"the purpose's or the coin's": {public(t, derived(t, junk, h+44, h+60)), ErrAccount},
		"a private key in disguise":   {disguised.String(), ErrPrivateKey},
	} {
		x, err := ParseXPub(test.text)
		if x != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if len(test.text) > 8 && err != nil && strings.Contains(err.Error(), test.text[4:]) {
			t.Errorf("%s is repeated: %v", name, err)
		}
	}
	if x, err := ParseXPub(good); err != nil || x.Key() != good {
		t.Errorf("the account's public key: %v", err)
	}
}
