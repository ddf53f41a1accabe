// Package money holds amounts: whole numbers of the smallest unit of one
// asset, of any size. There is no binary fraction anywhere and no rounding:
// what cannot be said exactly is refused.
//
// It is not the place for exchange (package quote) or for what may be done
// with money (package ledger). Start at Amount; assets are in asset.go, the
// currencies of ISO 4217 in iso4217.go.
package money

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// What Parse and ParseUnits say of a text they refuse; test with errors.Is.
var (
	ErrSyntax     = errors.New("not a plain decimal number")
	ErrTooPrecise = errors.New("more decimals than the asset has")
	ErrTooLarge   = errors.New("more than 78 digits in the smallest unit")
)

// MaxDigits is the most digits an amount may be read with, counted in the
// smallest unit without leading zeros: as many as the largest uint256 has.
const MaxDigits = 78

// Amount is a whole number of the smallest unit of one asset. It may be
// negative (a balance can be). It is immutable: every operation returns a new
// one. The zero value has no asset and no units. Compare with Equal or Cmp,
// never with ==, which would compare pointers.
type Amount struct {
	asset Asset
	units *big.Int // nil is 0; never changed after it was set
}

// New makes an amount of that many smallest units; nil is 0. It copies units.
// Units without an asset are a programming error and panic.
func New(a Asset, units *big.Int) Amount {
	if units == nil {
		return Amount{asset: a}
	}
	return own(a, new(big.Int).Set(units))
}

// FromInt makes an amount of that many smallest units.
func FromInt(a Asset, units int64) Amount { return own(a, big.NewInt(units)) }

// Zero is nothing of an asset.
func Zero(a Asset) Amount { return Amount{asset: a} }

// own makes an amount of units that nobody else holds.
func own(a Asset, units *big.Int) Amount {
	if units.Sign() == 0 {
		return Amount{asset: a}
	}
	if a.IsZero() {
		panic("money: units without an asset")
	}
	return Amount{asset: a, units: units}
}

// Parse reads what a client wrote: digits, or digits, a dot and digits; no
// sign, space, exponent or other script. It fails with ErrSyntax, with
// ErrTooPrecise (even where the surplus decimals are zeros, for rounding is
// the client's decision) or with ErrTooLarge.
func Parse(a Asset, decimal string) (Amount, error) {
	if !IsDecimal(decimal) {
		return Amount{}, ErrSyntax
	}
	whole, fraction, _ := strings.Cut(decimal, ".")
	if len(fraction) > int(a.scale) {
		return Amount{}, fmt.Errorf("%w: %s has %d", ErrTooPrecise, a.code, a.scale)
	}
	whole = strings.TrimLeft(whole, "0")
	if whole != "" && len(whole)+int(a.scale) > MaxDigits {
		return Amount{}, ErrTooLarge
	}
	padding := strings.Repeat("0", int(a.scale)-len(fraction))
	return parseDigits(a, whole+fraction+padding)
}

// IsDecimal says whether a text is written as Parse reads it, whatever the asset.
func IsDecimal(text string) bool {
	whole, fraction, hasDot := strings.Cut(text, ".")
	return isDigits(whole) && (!hasDot || isDigits(fraction))
}

// ParseUnits reads a whole number of smallest units, as Units writes it: an
// optional minus sign and digits. It fails with ErrSyntax (also on "-0", which
// Units never writes) or with ErrTooLarge.
func ParseUnits(a Asset, integer string) (Amount, error) {
	digits, negative := strings.CutPrefix(integer, "-")
	if !isDigits(digits) {
		return Amount{}, ErrSyntax
	}
	amount, err := parseDigits(a, digits)
	if err != nil || !negative {
		return amount, err
	}
	if amount.IsZero() {
		return Amount{}, ErrSyntax
	}
	return amount.Neg(), nil
}

func parseDigits(a Asset, digits string) (Amount, error) {
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return Zero(a), nil
	}
	if len(digits) > MaxDigits {
		return Amount{}, ErrTooLarge
	}
	if len(digits) <= 18 { // as nearly all have: below 2^63, and read in a tenth of the time
		units, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return Amount{}, ErrSyntax
		}
		return FromInt(a, units), nil
	}
	units, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return Amount{}, ErrSyntax
	}
	return own(a, units), nil
}

func isDigits(s string) bool { return s != "" && every(s, isDigit) }

// Asset is what the amount counts.
func (a Amount) Asset() Asset { return a.asset }

// Big is a copy of the number of smallest units.
func (a Amount) Big() *big.Int { return new(big.Int).Set(a.int()) }

// Units is the number of smallest units in decimal digits.
func (a Amount) Units() string { return a.int().String() }

// Decimal is the amount with all decimals of its asset: "100.000000".
func (a Amount) Decimal() string {
	digits, negative := strings.CutPrefix(a.Units(), "-")
	if scale := int(a.asset.scale); scale > 0 {
		if short := scale + 1 - len(digits); short > 0 {
			digits = strings.Repeat("0", short) + digits
		}
		point := len(digits) - scale
		digits = digits[:point] + "." + digits[point:]
	}
	if negative {
		return "-" + digits
	}
	return digits
}

// String is for people: "100.000000 USDT". The zero value is "0".
func (a Amount) String() string {
	if a.asset.IsZero() {
		return a.Decimal()
	}
	return a.Decimal() + " " + a.asset.code
}

// Add is a + b. Amounts of different assets are a programming error and
// panic, except that the zero value adds nothing to anything.
func (a Amount) Add(b Amount) Amount {
	if b.asset.IsZero() {
		return a
	}
	if a.asset.IsZero() {
		return b
	}
	mustMatch(a, b)
	return own(a.asset, new(big.Int).Add(a.int(), b.int()))
}

// Sub is a - b, on the terms of Add.
func (a Amount) Sub(b Amount) Amount { return a.Add(b.Neg()) }

// Neg is -a.
func (a Amount) Neg() Amount {
	if a.units == nil {
		return a
	}
	return own(a.asset, new(big.Int).Neg(a.units))
}

// Cmp is -1, 0 or +1 as a is less than, equal to or more than b. Amounts of
// different assets cannot be compared and panic.
func (a Amount) Cmp(b Amount) int {
	mustMatch(a, b)
	return a.int().Cmp(b.int())
}

// Equal says that both the asset and the number are the same; it never
// panics.
func (a Amount) Equal(b Amount) bool {
	return a.asset == b.asset && a.int().Cmp(b.int()) == 0
}

// Sign is -1, 0 or +1.
func (a Amount) Sign() int { return a.int().Sign() }

// IsZero says that there are no units, of whatever asset.
func (a Amount) IsZero() bool { return a.units == nil }

// Min is the smaller of two amounts of one asset; it panics as Cmp does.
func Min(a, b Amount) Amount {
	if a.Cmp(b) <= 0 {
		return a
	}
	return b
}

// MarshalText is the stored form, "100000000 USDT/6@ethereum-sepolia": it can
// be read back without any configuration. The zero value is "".
func (a Amount) MarshalText() ([]byte, error) { return a.AppendText([]byte{}) }

// AppendText writes what MarshalText does behind b.
func (a Amount) AppendText(b []byte) ([]byte, error) {
	if a.asset.IsZero() {
		return b, nil
	}
	return a.asset.AppendText(append(a.int().Append(b, 10), ' '))
}

// UnmarshalText reads what MarshalText writes, up to MaxDigits.
func (a *Amount) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Amount{}
		return nil
	}
	units, assetText, ok := strings.Cut(string(text), " ")
	if !ok {
		return fmt.Errorf("amount without an asset: %w", ErrSyntax)
	}
	asset, err := ParseAsset(assetText)
	if err != nil {
		return err
	}
	parsed, err := ParseUnits(asset, units)
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// SortKey is a text whose byte order is the order of the decimal values, also
// between assets of different scale: 1 EUR sorts with 1 USDT. It is the value
// in units of 10^-36 without leading zeros, after its length in three digits.
// Only for amounts of zero or more; a negative one panics.
func (a Amount) SortKey() string {
	if a.Sign() < 0 {
		panic("money: a negative amount has no sort key")
	}
	if a.IsZero() {
		return "000"
	}
	digits := a.Units() + strings.Repeat("0", MaxScale-int(a.asset.scale))
	return fmt.Sprintf("%03d%s", len(digits), digits)
}

var zero = new(big.Int)

// int is the number of units for reading only.
func (a Amount) int() *big.Int {
	if a.units == nil {
		return zero
	}
	return a.units
}

func mustMatch(a, b Amount) {
	if a.asset != b.asset {
		panic(fmt.Sprintf("money: %q and %q are different assets", a.asset, b.asset))
	}
}
