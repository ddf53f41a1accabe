package money

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrAsset says that a text or a triple does not describe an asset.
var ErrAsset = errors.New("not an asset")

// MaxScale is the largest number of decimals an asset may have. Together with
// the 78 digits of a uint256 it bounds the length of every number we handle.
const MaxScale = 36

// Asset says what an amount counts: a currency, or a token on one network,
// and its number of decimals. It is comparable and may be a map key. Two
// tokens of one name on two networks are two assets, because their decimals
// and their value may differ. The zero Asset is no asset at all.
type Asset struct {
	code    string
	network string
	scale   uint8
}

// NewAsset makes an asset. The code is 1 to 16 of A-Z and 0-9, of a token also
// of a-z, because some are called so; the network is empty for fiat money, else
// 1 to 40 of a-z, 0-9 and "-"; the scale is the number of decimals, 0 to
// MaxScale. Anything else is ErrAsset.
func NewAsset(code, network string, scale uint8) (Asset, error) {
	allowed, says := isCodeByte, "A-Z and 0-9"
	if network != "" {
		allowed, says = isTokenByte, "A-Z, a-z and 0-9"
	}
	if len(code) < 1 || len(code) > 16 || !every(code, allowed) {
		return Asset{}, fmt.Errorf("%w: the code is 1 to 16 of %s", ErrAsset, says)
	}
	if len(network) > 40 || !every(network, isNetworkByte) {
		return Asset{}, fmt.Errorf("%w: the network is at most 40 of a-z, 0-9 and -", ErrAsset)
	}
	if scale > MaxScale {
		return Asset{}, fmt.Errorf("%w: at most %d decimals", ErrAsset, MaxScale)
	}
	return Asset{code: code, network: network, scale: scale}, nil
}

// MustAsset is NewAsset for constants in code; it panics where NewAsset fails.
func MustAsset(code, network string, scale uint8) Asset {
	a, err := NewAsset(code, network, scale)
	if err != nil {
		panic(err)
	}
	return a
}

// ParseAsset reads what String writes: "EUR/2" or "USDT/6@ethereum-sepolia".
// Each asset has exactly one such text. Anything else is ErrAsset.
func ParseAsset(s string) (Asset, error) {
	rest, network, hasNetwork := strings.Cut(s, "@")
	if hasNetwork && network == "" {
		return Asset{}, fmt.Errorf("%w: nothing after @", ErrAsset)
	}
	code, digits, ok := strings.Cut(rest, "/")
	if !ok {
		return Asset{}, fmt.Errorf("%w: want CODE/decimals or CODE/decimals@network", ErrAsset)
	}
	scale, err := strconv.ParseUint(digits, 10, 8)
	if err != nil || strconv.FormatUint(scale, 10) != digits {
		return Asset{}, fmt.Errorf("%w: decimals must be a plain number", ErrAsset)
	}
	return NewAsset(code, network, uint8(scale))
}

// String is the self-describing form, which carries the decimals so that a
// stored row can be read without any configuration. The zero Asset is "".
func (a Asset) String() string {
	text, _ := a.AppendText(make([]byte, 0, 64))
	return string(text)
}

// AppendText writes String behind b.
func (a Asset) AppendText(b []byte) ([]byte, error) {
	if a.IsZero() {
		return b, nil
	}
	b = strconv.AppendUint(append(append(b, a.code...), '/'), uint64(a.scale), 10)
	if a.network != "" {
		b = append(append(b, '@'), a.network...)
	}
	return b, nil
}

// Code is the currency code or the token's symbol.
func (a Asset) Code() string { return a.code }

// Network is the chain the token lives on, empty for fiat money.
func (a Asset) Network() string { return a.network }

// Scale is the number of decimals.
func (a Asset) Scale() uint8 { return a.scale }

// IsZero says that this is no asset.
func (a Asset) IsZero() bool { return a.code == "" }

// MarshalText writes String.
func (a Asset) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads String; the empty text is the zero Asset.
func (a *Asset) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Asset{}
		return nil
	}
	parsed, err := ParseAsset(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

func every(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool       { return '0' <= c && c <= '9' }
func isCodeByte(c byte) bool    { return isDigit(c) || 'A' <= c && c <= 'Z' }
func isTokenByte(c byte) bool   { return isCodeByte(c) || 'a' <= c && c <= 'z' }
func isNetworkByte(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'z' || c == '-' }
