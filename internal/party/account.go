package party

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/money"
)

// AccountType is what sort of account a bank keeps.
type AccountType string

// The types.
const (
	Savings  AccountType = "savings"
	Checking AccountType = "checking"
	Virtual  AccountType = "virtual"
)

// BankAccount is an account at a bank, of a merchant or of a customer. Its
// holder's name and document are those of its owner.
type BankAccount struct {
	ID        string
	Customer  string // the customer's id; empty for the merchant's own
	Name      string // what the client calls it
	Country   string // two letters
	Currency  money.Asset
	Number    string // CLABE, CBU or CVU, CCI, PIX key, IBAN, or the bank's own number
	Routing   string // US: the routing number; BR: the branch; elsewhere what the country has
	Bank      string // the bank's code in its country
	BIC       string
	Type      AccountType
	Default   bool // the owner's first choice for its currency
	CreatedAt time.Time
	UpdatedAt time.Time
}

// String is the account with its number masked, so that a log holds no more.
func (a BankAccount) String() string {
	s := "bank account"
	for _, part := range []string{a.ID, a.Country, a.Currency.Code(), a.Bank, Mask(a.Number)} {
		if part != "" {
			s += " " + part
		}
	}
	return s
}

// LogValue is String.
func (a BankAccount) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Wallet is an address on a chain that a merchant or a customer holds. The rail
// of its network checks the address.
type Wallet struct {
	ID        string
	Customer  string // the customer's id; empty for the merchant's own
	Name      string
	Network   string
	Address   string
	Asset     money.Asset
	Default   bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Bank is one bank of a list that is handed in: what it is called, and which
// accounts it keeps.
type Bank struct {
	Country   string
	Code      string
	Name      string
	Types     []AccountType // empty: any
	MinDigits int           // of its account numbers; 0: not known
	MaxDigits int           // 0: not known
}

// An accountRule says what an account of a country must be.
type accountRule struct {
	currencies []string // empty: any
	check      func(a *BankAccount, banks []Bank) error
}

// The table. A country that is not in it has no rule of its own: an IBAN is
// checked as one, anything else by its form alone.
var accountRules = map[string]accountRule{
	"AR": {[]string{"ARS"}, argentineAccount},
	"BO": {[]string{"BOB"}, anyAccount},
	"BR": {[]string{"BRL"}, brazilianAccount},
	"CL": {[]string{"CLP"}, listedAccount},
	"CO": {[]string{"COP"}, listedAccount},
	"MX": {[]string{"MXN"}, mexicanAccount},
	"PE": {[]string{"PEN", "USD"}, peruvianAccount},
	"US": {[]string{"USD"}, americanAccount},
}

// CheckAccount checks an account by the rule of its country and gives it with
// canonical spellings and with the bank's code where the number tells it; a
// code that was sent and differs is a fault. Chile and Colombia need a bank of
// the list; of a bank of the list the type and the length of its numbers are
// held. A currency that is not said is not held against the country. Faults
// are on country, currency, account_number, routing_number, bank, bic or
// account_type: missing_field, too_long, invalid_value, invalid_currency,
// invalid_address.
func CheckAccount(a BankAccount, banks []Bank) (BankAccount, error) {
	var err error
	if a.Country, err = Country("country", a.Country); err != nil {
		return BankAccount{}, err
	}
	rule, known := accountRules[a.Country]
	if !known {
		rule = accountRule{check: anyAccount}
	}
	if code := a.Currency.Code(); !a.Currency.IsZero() &&
		(a.Currency.Network() != "" || len(rule.currencies) > 0 && !slices.Contains(rule.currencies, code)) {
		return BankAccount{}, fault.New(fault.CodeInvalidCurrency, "an account in "+a.Country+" is not kept in "+code).On("currency")
	}
	if !slices.Contains([]AccountType{"", Savings, Checking, Virtual}, a.Type) {
		return BankAccount{}, fault.New(fault.CodeInvalidValue, "an account is savings, checking or virtual").On("account_type")
	}
	if a.BIC != "" {
		if a.BIC, err = BIC("bic", a.BIC); err != nil {
			return BankAccount{}, err
		}
	}
	if a.Bank != "" {
		if a.Bank, err = bankCode(a.Bank); err != nil {
			return BankAccount{}, err
		}
	}
	if err := rule.check(&a, banks); err != nil {
		return BankAccount{}, err
	}
	return a, nil
}

// bankCode keeps the spelling of a code: lists have words with _ too.
func bankCode(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 35 || !every(s, func(c byte) bool { return isAlnum(c) || 'a' <= c && c <= 'z' || c == '_' || c == '-' }) {
		return "", fault.New(fault.CodeInvalidValue, "a bank's code is 1 to 35 letters, digits, _ and -").On("bank")
	}
	return s, nil
}

// deduceBank takes the bank that the number tells.
func deduceBank(a *BankAccount, code string) error {
	if a.Bank != "" && a.Bank != code {
		return fault.New(fault.CodeInvalidValue, "the account's number is of another bank").On("bank")
	}
	a.Bank = code
	return nil
}

func mexicanAccount(a *BankAccount, _ []Bank) (err error) {
	if a.Number, err = CLABE("account_number", a.Number); err != nil {
		return err
	}
	if err := freeRouting(a); err != nil {
		return err
	}
	return deduceBank(a, a.Number[:3])
}

func argentineAccount(a *BankAccount, _ []Bank) (err error) {
	if a.Number, err = CBU("account_number", a.Number); err != nil {
		return err
	}
	if err := freeRouting(a); err != nil {
		return err
	}
	return deduceBank(a, cbuBank(a.Number))
}

func peruvianAccount(a *BankAccount, _ []Bank) (err error) {
	if a.Number, err = CCI("account_number", a.Number); err != nil {
		return err
	}
	if err := freeRouting(a); err != nil {
		return err
	}
	return deduceBank(a, a.Number[:3])
}

// americanAccount: up to 17 letters and digits at the bank of a routing number
// (Nacha Operating Rules, field DFI Account Number).
func americanAccount(a *BankAccount, _ []Bank) (err error) {
	if a.Number, err = lettersOf(fault.CodeInvalidAddress, "an account number", "account_number", a.Number, 1, 17); err != nil {
		return err
	}
	if a.Routing, err = RoutingNumber("routing_number", a.Routing); err != nil {
		return err
	}
	return deduceBank(a, a.Routing)
}

// brazilianAccount is a PIX key; or, where a branch is said, an account of up
// to 20 digits at a branch of up to 4 of a bank by its code of three digits or
// its ISPB of eight (Banco Central do Brasil, DICT API, BankAccount). An
// account's own check digit may be X at some banks, which is written 0 there.
func brazilianAccount(a *BankAccount, _ []Bank) (err error) {
	if strings.TrimSpace(a.Routing) == "" {
		a.Number, _, err = PIXKey("account_number", a.Number)
		return err
	}
	if a.Number, err = digitsOf(fault.CodeInvalidAddress, "an account number", "account_number", a.Number, 1, 20); err != nil {
		return err
	}
	// Branch 0 exists nowhere, so all zeros is wrong here too.
	if a.Routing, err = digitsOf(fault.CodeInvalidAddress, "a branch", "routing_number", a.Routing, 1, 4); err != nil {
		return err
	}
	switch {
	case a.Bank == "":
		return fault.New(fault.CodeMissingField, "the bank's code is missing").On("bank")
	case !every(a.Bank, isDigit) || len(a.Bank) != 3 && len(a.Bank) != 8:
		return fault.New(fault.CodeInvalidValue, "a Brazilian bank's code has three digits, its ISPB eight").On("bank")
	}
	return nil
}

// listedAccount is an account of a country whose numbers say nothing of their
// bank: the bank must be one of the list.
func listedAccount(a *BankAccount, banks []Bank) (err error) {
	if a.Bank == "" {
		return fault.New(fault.CodeMissingField, "the bank's code is missing").On("bank")
	}
	at := slices.IndexFunc(banks, func(b Bank) bool { return b.Country == a.Country && b.Code == a.Bank })
	if at < 0 {
		return fault.New(fault.CodeInvalidValue, "there is no bank of "+a.Country+" with this code").On("bank")
	}
	bank := banks[at]
	if a.Type != "" && len(bank.Types) > 0 && !slices.Contains(bank.Types, a.Type) {
		return fault.New(fault.CodeInvalidValue, fmt.Sprintf("this bank keeps no %s accounts", a.Type)).On("account_type")
	}
	min, max := 1, 34
	if bank.MinDigits > 0 {
		min = bank.MinDigits
	}
	if bank.MaxDigits > 0 {
		max = bank.MaxDigits
	}
	if a.Number, err = digitsOf(fault.CodeInvalidAddress, "an account number of this bank", "account_number", a.Number, min, max); err != nil {
		return err
	}
	return freeRouting(a)
}

// anyAccount is an account of which no rule is known. A number that begins as
// the country's IBAN does is checked as one; anything else is up to 34 letters
// and digits (ISO 20022, GenericAccountIdentification).
func anyAccount(a *BankAccount, _ []Bank) (err error) {
	number := compact(a.Number)
	if ibanLength(a.Country) > 0 && strings.HasPrefix(number, a.Country) {
		a.Number, err = IBAN("account_number", a.Number)
	} else {
		a.Number, err = lettersOf(fault.CodeInvalidAddress, "an account number", "account_number", a.Number, 1, 34)
	}
	if err != nil {
		return err
	}
	return freeRouting(a)
}

// freeRouting is a routing number of which no rule is known.
func freeRouting(a *BankAccount) (err error) {
	if strings.TrimSpace(a.Routing) == "" {
		a.Routing = ""
		return nil
	}
	a.Routing, err = lettersOf(fault.CodeInvalidAddress, "a routing number", "routing_number", a.Routing, 1, 35)
	return err
}
