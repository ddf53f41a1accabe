package evm

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"golang.org/x/crypto/scrypt"

	"till/internal/rail"
)

// The vectors of the format's own description (Web3 Secret Storage, version 3).
func TestOpenKeystore(t *testing.T) {
	const key = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
	for name, text := range map[string]string{
		"scrypt": `{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"83dbcc02d8ccb40e466191a123791e0e"},
			"ciphertext":"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c","kdf":"scrypt",
			"kdfparams":{"dklen":32,"n":262144,"r":1,"p":8,"salt":"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},
			"mac":"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}`,
		"pbkdf2": `{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
			"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2",
			"kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
			"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}`,
	} {
		got, err := OpenKeystore([]byte(text), "testpassword")
		if err != nil || hex.EncodeToString(crypto.FromECDSA(got)) != key {
			t.Errorf("%s: another key, %v", name, err)
		}
		if _, err := OpenKeystore([]byte(text), "Testpassword"); !errors.Is(err, errPassword) {
			t.Errorf("%s under another password: %v", name, err)
		}
	}
}

func TestOpenKeystoreRefuses(t *testing.T) {
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	good := string(keystoreOf(t, key, "secret word"))
	if got, err := OpenKeystore([]byte(good), "secret word"); err != nil || !got.Equal(key) {
		t.Fatalf("the file itself: %v", err)
	}
	for name, text := range map[string]string{
		"nothing":          "",
		"a bare key":       hex.EncodeToString(crypto.FromECDSA(key)),
		"another version":  strings.Replace(good, `"version":3`, `"version":1`, 1),
		"another cipher":   strings.Replace(good, "aes-128-ctr", "aes-256-ctr", 1),
		"another kdf":      strings.Replace(good, `"kdf":"scrypt"`, `"kdf":"argon2"`, 1),
		"much memory":      strings.Replace(good, `"n":4096`, `"n":1073741824`, 1),
		"no work":          strings.Replace(good, `"n":4096`, `"n":0`, 1),
		"a short key":      strings.Replace(good, `"dklen":32`, `"dklen":16`, 1),
		"another address":  strings.Replace(good, `"address":"`, `"address":"00`, 1),
		"a changed cipher": strings.Replace(good, `"ciphertext":"`, `"ciphertext":"zz`, 1),
	} {
		got, err := OpenKeystore([]byte(text), "secret word")
		if err == nil {
			t.Errorf("%s is read as %v", name, got != nil)
		} else if strings.Contains(err.Error(), "secret word") || strings.Contains(err.Error(), hex.EncodeToString(crypto.FromECDSA(key))) {
			t.Errorf("%s: the error tells a secret", name)
		}
	}
}

// keystoreOf writes a key file as geth does with little scrypt.
func keystoreOf(t *testing.T, key *ecdsa.PrivateKey, password string) []byte {
	t.Helper()
	salt, iv := crypto.Keccak256([]byte("salt")), crypto.Keccak256([]byte("iv"))[:aes.BlockSize]
	derived, err := scrypt.Key([]byte(password), salt, 4096, 8, 6, 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(derived[:16])
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 32)
	cipher.NewCTR(block, iv).XORKeyStream(text, crypto.FromECDSA(key))
	address := crypto.PubkeyToAddress(key.PublicKey)
	return fmt.Appendf(nil, `{"address":"%x","crypto":{"cipher":"aes-128-ctr","ciphertext":"%x","cipherparams":{"iv":"%x"},"kdf":"scrypt",`+
		`"kdfparams":{"dklen":32,"n":4096,"p":6,"r":8,"salt":"%x"},"mac":"%x"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}`,
		address, text, iv, salt, crypto.Keccak256(derived[16:], text))
}

// signer is a signer over JSON-RPC, written by hand, that speaks as clef does.
type signer struct {
	*httptest.Server
	key    *ecdsa.PrivateKey
	change func(*types.DynamicFeeTx)
	says   string // an error instead
}

func newSigner(t *testing.T, key *ecdsa.PrivateKey) *signer {
	s := &signer{key: key}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c struct {
			ID     json.RawMessage
			Method string
			Params []signRequest
		}
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil || c.Method != "account_signTransaction" || len(c.Params) != 1 {
			t.Errorf("asked for %s with %d arguments, %v", c.Method, len(c.Params), err)
			return
		}
		if s.says != "" {
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":%q}}`, c.ID, s.says)
			return
		}
		p := c.Params[0]
		to := common.HexToAddress(p.To)
		tx := &types.DynamicFeeTx{ChainID: (*big.Int)(p.Chain), Nonce: uint64(p.Nonce), GasTipCap: (*big.Int)(p.MaxTip), GasFeeCap: (*big.Int)(p.MaxFee),
			Gas: uint64(p.Gas), To: &to, Value: (*big.Int)(p.Value), Data: p.Data}
		if s.change != nil {
			s.change(tx)
		}
		signed, err := types.SignNewTx(s.key, types.LatestSignerForChainID((*big.Int)(p.Chain)), tx)
		if err != nil {
			t.Error(err)
			return
		}
		raw, _ := signed.MarshalBinary()
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"raw":%q,"tx":{}}}`, c.ID, hexutil.Encode(raw))
	}))
	t.Cleanup(s.Close)
	return s
}

func TestRemoteSigner(t *testing.T) {
	s := newSending(t, 0)
	far := newSigner(t, s.key)
	remote, err := RemoteSigner(far.URL, common.HexToAddress(s.address()), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s.send.Signer = remote
	s.open()

	far.says = "authentication needed: password or unlock"
	d := s.delivery("t1", address("someone"), 5)
	if _, err := s.sender.Send(t.Context(), d); !errors.Is(err, rail.ErrNotNow) || errors.Is(err, rail.ErrRefused) {
		t.Errorf("a locked signer: %v", err)
	}
	far.says = ""
	for name, change := range map[string]func(*types.DynamicFeeTx){
		"the recipient": func(tx *types.DynamicFeeTx) { tx.Data[20]++ },
		"the nonce":     func(tx *types.DynamicFeeTx) { tx.Nonce++ },
		"the fee":       func(tx *types.DynamicFeeTx) { tx.GasFeeCap = big.NewInt(1); tx.GasTipCap = big.NewInt(1) },
		"the value":     func(tx *types.DynamicFeeTx) { tx.Value = big.NewInt(1) },
	} {
		far.change = change
		if _, err := s.sender.Send(t.Context(), d); !errors.Is(err, rail.ErrNotNow) {
			t.Errorf("a signer that changes %s: %v", name, err)
		}
	}
	far.change = nil
	other, _ := crypto.GenerateKey()
	far.key = other
	if _, err := s.sender.Send(t.Context(), d); !errors.Is(err, rail.ErrNotNow) {
		t.Errorf("a signer with another key: %v", err)
	}
	far.key = s.key
	if s.node.asked("eth_sendRawTransaction") != 0 {
		t.Fatal("something was sent")
	}
	s.must(d)
	s.chain.Mine(confirmations)
	s.is(d, rail.StatusDelivered)

	far.says = "request denied"
	e := s.delivery("t2", address("somebody"), 5)
	if _, err := s.sender.Send(t.Context(), e); !errors.Is(err, rail.ErrRefused) {
		t.Errorf("a signer that denies: %v", err)
	}
	far.Close()
	if _, err := s.sender.Send(t.Context(), e); !errors.Is(err, rail.ErrNotNow) || strings.Contains(err.Error(), far.URL) {
		t.Errorf("a signer that is away: %v", err)
	}
	if _, err := RemoteSigner("file:///key", common.Address{}, 0); err == nil {
		t.Error("a URL that is none is accepted")
	}
}

// Neither log nor memory holds the key.
// case 92
func TestKeyIsNowhere(t *testing.T) {
	s := newSending(t, 0)
	secret := hex.EncodeToString(crypto.FromECDSA(s.key))
	s.must(s.delivery("t1", address("someone"), 5))
	s.later(defaultBump)
	s.tend()
	s.chain.Mine(confirmations)
	s.tend()
	items, err := s.state.List(context.Background(), "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	everything := s.log.String() + fmt.Sprintf("%v %+v %#v %s", s.send.Signer, s.send, s.send.Signer, s.send.Signer)
	for _, item := range items {
		everything += item.Key + string(item.Value)
	}
	if strings.Contains(strings.ToLower(everything), secret) || strings.Contains(everything, s.key.D.String()) {
		t.Error("the key is told")
	}
}
