package auth

import "slices"

// Role is what a person is at a merchant, or at the house. What a role may do, each API says for itself, in a
// table of its own.
type Role string

const (
	Owner  Role = "owner"  // everything there is
	Admin  Role = "admin"  // everything but the ownership
	Member Role = "member" // the daily work: orders and deposits
	Viewer Role = "viewer" // looks and changes nothing

	// Operator runs the server: the operator's pages, of every merchant. It is the only role at the house, and it
	// opens no merchant's API.
	Operator Role = "operator"
)

// House is the merchant's id under which a person's role at the house stands.
const House = ""

// Roles are those a person can have at a merchant, the mightiest first.
var Roles = []Role{Owner, Admin, Member, Viewer}

// Valid says whether the role is one that exists at a merchant, or at the house for [House].
func (r Role) Valid(merchant string) bool {
	if merchant == House {
		return r == Operator
	}
	return slices.Contains(Roles, r)
}
