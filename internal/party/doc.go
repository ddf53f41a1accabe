// Package party is who pays and who is paid: customers (an API may call them
// contacts), their documents, bank accounts and wallets as plain records, and
// the rules by country that tell a number that can exist from one that cannot.
//
// A rule is one function: it takes the name of the field and what was typed,
// and gives the canonical spelling (the one that is stored, compared and sent
// to a bank) or a fault on that field. A fault says what is wrong and never
// repeats the number, not even a part of it. What passes has the form and the
// check digits of a real number; whether the account exists, and whose it is,
// only its bank can say.
//
// Only rules with a source are here; each function names its own. Where no
// rule is known, the form alone is checked, so that nobody is turned away by a
// guess. Names, required fields and duplicates are each API's own business. An
// address on a chain is checked by the rail of its network.
//
// It does no IO: lists of banks are handed in; banks.go has the public ones.
//
// Where to go next: account.go and document.go are the tables by country; a
// country's rules are in the file with its name.
package party
