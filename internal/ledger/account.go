package ledger

import (
	"fmt"
	"slices"
	"strings"
)

// Account names a place money can be: "<book>/<role>", such as
// "owed/m1/order/in" or "house/fee".
type Account string

// Book is who holds the money. Make it with Wallet, Owed or House.
type Book string

// House is the operator's own book.
const House Book = "house"

// Wallet is the book of what lies in a wallet the merchant holds: a record of
// money that is not ours to move, and so never the source of a delivery, a
// hold or a refund.
func Wallet(merchant string) Book { return Book("wallet/" + merchant) }

// Owed is the book of what the operator owes the merchant: the spendable
// money, backed by the house's bank accounts and wallets.
func Owed(merchant string) Book { return Book("owed/" + merchant) }

// Account is the account of a role in this book.
func (b Book) Account(r Role) Account { return Account(string(b) + "/" + string(r)) }

// IsWallet says that the book is a record of a merchant's own wallet.
func (b Book) IsWallet() bool { return strings.HasPrefix(string(b), "wallet/") }

// Spendable says that the account is the balance of a merchant that he may spend: what the operator owes him.
func (a Account) Spendable() bool {
	return strings.HasPrefix(string(a), "owed/") && strings.HasSuffix(string(a), "/"+string(Merchant)) && a.Role() == Merchant
}

// Role is what an account means, the same for every merchant.
type Role string

// The roles. Roles tells what each means and which sign its balance has.
const (
	Merchant  Role = "merchant"
	Withheld  Role = "merchant/withheld"
	In        Role = "order/in"
	Out       Role = "order/out"
	Refunding Role = "order/refunding"
	Short     Role = "order/short"
	Extra     Role = "suspense/extra"
	Late      Role = "suspense/late"
	Wrong     Role = "suspense/wrong"
	Unfit     Role = "suspense/unfit"
	Refused   Role = "suspense/refused"
	Returned  Role = "suspense/returned"
	Stray     Role = "suspense/stray"
	Fee       Role = "fee"
	FX        Role = "fx"
	Loss      Role = "loss"
	Payer     Role = "outside/payer"
	Payee     Role = "outside/payee"
)

// PayerOn is the outside world that pays in through one rail:
// "outside/payer:<rail>". The rail's name is 1 to 64 of a-z, 0-9, ":", ".", "_"
// and "-"; another one is refused by Posting.Check.
func PayerOn(rail string) Role { return Payer + ":" + Role(rail) }

// PayeeOn is the outside world that is paid through one rail; see PayerOn.
func PayeeOn(rail string) Role { return Payee + ":" + Role(rail) }

// Sign is which balances an account may have once a change is complete.
// Inside one change a balance may cross zero, as long as its last posting
// brings it back: so money already passed on is found missing from order/in
// and moved to order/short at once.
type Sign uint8

// The signs.
const (
	NeverNegative Sign = iota
	NeverPositive
	AnySign
)

// String is the sign in words, for the documentation.
func (s Sign) String() string {
	return [...]string{"zero or above", "zero or below", "any"}[s]
}

// RoleFact is what there is to know of a role.
type RoleFact struct {
	Role    Role
	Meaning string
	Sign    Sign
}

var roles = []RoleFact{
	{Merchant, "What the merchant may use: spend, where the operator owes it, or already has, where it lies in the merchant's own wallet.", NeverNegative},
	{Withheld, "What was collected for a completed order and becomes the merchant's, less fees, once a compliance review is approved.", NeverNegative},
	{In, "Confirmed money that counts for an order and is not used yet; zero when the order has ended, and below zero only inside one change.", NeverNegative},
	{Out, "Money on its way to the order's destination.", NeverNegative},
	{Refunding, "Money on its way back to a payer.", NeverNegative},
	{Short, "What is missing under money already passed on, by a tolerance, a reversal, or a transfer that was called failed and was paid.", NeverPositive},
	{Extra, "Money that counted and that its order did not need: a surplus, a second payment, or money of an order that ended without it.", NeverNegative},
	{Late, "Money whose value time is after the order's deadline.", NeverNegative},
	{Wrong, "Money of another asset than the order asks for, of somebody else than who must pay it, or of a foreign payer of an order that is paid from a balance.", NeverNegative},
	{Unfit, "A payment that does not fit an order which wants its amount in one piece.", NeverNegative},
	{Refused, "Withheld money whose compliance review was refused, and money of somebody on a list where the merchant wants none.", NeverNegative},
	{Returned, "Delivered money that its destination sent back.", NeverNegative},
	{Stray, "Money that arrived and belongs to no order.", NeverNegative},
	{Fee, "What the house earned in fees.", NeverNegative},
	{FX, "The house's side of every exchange: what it took in of one asset and gave in another.", AnySign},
	{Loss, "What the house took upon itself: a shortfall that was written off, and what its banks debited that nobody knows.", AnySign},
	{Payer, "The world that pays in, by rail: money arrives out of it, so it stands below zero by what arrived and was not refunded.", AnySign},
	{Payee, "The world that is paid, by rail: what was delivered to it and not returned.", NeverNegative},
}

// Roles lists every role, in the order of the constants.
func Roles() []RoleFact { return slices.Clone(roles) }

// ParseAccount checks a name and returns it as an account: a book with a
// merchant id of 1 to 64 of letters, digits, ".", "_" and "-" (or the house),
// and a role of the list; the outside roles may name a rail.
func ParseAccount(s string) (Account, error) {
	book, role, ok := split(s)
	if !ok {
		return "", fmt.Errorf("%q is not an account: want <book>/<role>", s)
	}
	if merchant, has := book.merchant(); has && !isName(merchant, isMerchantByte) {
		return "", fmt.Errorf("%q is not an account: bad merchant id", s)
	}
	kind, rail, hasRail := strings.Cut(string(role), ":")
	if _, known := factOf(Role(kind)); !known {
		return "", fmt.Errorf("%q is not an account: no role %q", s, kind)
	}
	if hasRail && (Role(kind) != Payer && Role(kind) != Payee || !isName(rail, isRailByte)) {
		return "", fmt.Errorf("%q is not an account: bad rail", s)
	}
	return Account(s), nil
}

// Book is the book of the account, "" where the name is malformed.
func (a Account) Book() Book {
	book, _, _ := split(string(a))
	return book
}

// Role is the role of the account with its ":<rail>", "" where the name is
// malformed.
func (a Account) Role() Role {
	_, role, _ := split(string(a))
	return role
}

// Kind is the role without its ":<rail>".
func (a Account) Kind() Role {
	kind, _, _ := strings.Cut(string(a.Role()), ":")
	return Role(kind)
}

// MayBeNegative says whether the account may stand below zero after a change.
// A name of no known role may not.
func (a Account) MayBeNegative() bool {
	fact, known := factOf(a.Kind())
	return known && fact.Sign != NeverNegative
}

// MayBePositive says whether the account may stand above zero after a change.
// A name of no known role may not.
func (a Account) MayBePositive() bool {
	fact, known := factOf(a.Kind())
	return known && fact.Sign != NeverPositive
}

// split parts a name into book and role. The book is one word for the house
// and two for a merchant's.
func split(s string) (Book, Role, bool) {
	first, rest, ok := strings.Cut(s, "/")
	if !ok {
		return "", "", false
	}
	switch first {
	case string(House):
		return House, Role(rest), true
	case "wallet", "owed":
		merchant, role, ok := strings.Cut(rest, "/")
		if !ok {
			return "", "", false
		}
		return Book(s[:len(first)+1+len(merchant)]), Role(role), true
	}
	return "", "", false
}

func (b Book) merchant() (string, bool) {
	_, merchant, ok := strings.Cut(string(b), "/")
	return merchant, ok
}

func factOf(kind Role) (RoleFact, bool) {
	i := slices.IndexFunc(roles, func(f RoleFact) bool { return f.Role == kind })
	if i < 0 {
		return RoleFact{}, false
	}
	return roles[i], true
}

func isName(s string, ok func(byte) bool) bool {
	if len(s) < 1 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isRailByte(c byte) bool { return isWordByte(c) || c == ':' }

func isMerchantByte(c byte) bool { return isWordByte(c) || 'A' <= c && c <= 'Z' }

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}
