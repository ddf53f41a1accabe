package payin

import (
	"fmt"
	"strings"
	"testing"

	"till/internal/engine"
)

func TestImportAddresses(t *testing.T) {
	k := newKit(t)
	importing := func(rows ...string) reply {
		return k.post(shopKey, "/api/v1/address-pool/addresses", `{"addresses":[`+strings.Join(rows, ",")+`]}`)
	}
	row := func(address string) string {
		return fmt.Sprintf(`{"address":%q,"protocol":"evm","derivationIndex":0}`, address)
	}
	check := func(what string, got reply, imported, skipped, warnings int) importBody {
		t.Helper()
		body := parse[importBody](k, got)
		if got.status != 201 || !body.Success || body.Message == "" || body.Imported != imported || body.Skipped != skipped || len(body.Warnings) != warnings {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
		return body
	}
	const canonical = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" // EIP-55's own example
	check("new", importing(row(canonical), `{"address":"0x00000000000000000000000000000000000000aa","protocol":"evm","derivationIndex":null,"masterPublicKey":"xpub661"}`), 2, 0, 0)
	check("again", importing(row(canonical)), 0, 1, 0)
	check("in lower case", importing(row(strings.ToLower(canonical))), 0, 1, 0)
	check("twice in one request", importing(row("0x00000000000000000000000000000000000000bb"), row("0x00000000000000000000000000000000000000BB")), 1, 1, 0)

	// A wrong checksum is a warning: PayIn imports such addresses.
	got := check("a wrong checksum", importing(row("0x00000000000000000000000000000000000000cc"), row("0xfb6916095ca1df60bB79Ce92cE3Ea74c37c5d359")), 2, 0, 1)
	if w := got.Warnings[0]; w.Field != "addresses[1].address" || !strings.Contains(w.Message, "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359") {
		t.Errorf("%+v", w)
	}

	// What is imported serves in its canonical spelling.
	k.pool(otherKey, 1000, 1)
	if o := k.create("R-1"); o.Address != canonical {
		t.Errorf("%+v", o)
	}
}

func TestImportRefusals(t *testing.T) {
	k := newKit(t)
	const good = `{"address":"0x00000000000000000000000000000000000000aa","protocol":"evm","derivationIndex":0}`
	bad := func(old, new string) string {
		return `{"addresses":[` + good + `,` + strings.Replace(strings.Replace(good, "aa", "bb", 1), old, new, 1) + `]}`
	}
	var many []string
	for i := range 1001 {
		many = append(many, fmt.Sprintf(`{"address":"0x%040x","protocol":"evm","derivationIndex":0}`, i+1))
	}
	for _, test := range []struct{ name, body, field string }{
		{"no list", `{}`, "addresses"},
		{"empty list", `{"addresses":[]}`, "addresses"},
		{"a text", `{"addresses":"0x00000000000000000000000000000000000000aa"}`, "addresses"},
		{"a list of texts", `{"addresses":["0x00000000000000000000000000000000000000aa"]}`, "addresses[0]"},
		{"too many", `{"addresses":[` + strings.Join(many, ",") + `]}`, "addresses"},
		{"too short", bad("0x00", "0x0"), "addresses[1].address"},
		{"no prefix", bad("0x00", "0000"), "addresses[1].address"},
		{"no hexadecimal", bad("bb", "gg"), "addresses[1].address"},
		{"the zero address", bad("bb", "00"), "addresses[1].address"},
		{"a Tron address", bad("0x00000000000000000000000000000000000000bb", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"), "addresses[1].address"},
		{"an address as a number", bad(`"0x00000000000000000000000000000000000000bb"`, "7"), "addresses[1].address"},
		{"no address", bad(`"address":"0x00000000000000000000000000000000000000bb",`, ""), "addresses[1].address"},
		{"no protocol", bad(`"protocol":"evm",`, ""), "addresses[1].protocol"},
		{"another protocol", bad(`"evm"`, `"tron"`), "addresses[1].protocol"},
		{"no index", bad(`,"derivationIndex":0`, ""), "addresses[1].derivationIndex"},
		{"a negative index", bad(`:0}`, ":-1}"), "addresses[1].derivationIndex"},
		{"a hardened index", bad(`:0}`, ":2147483648}"), "addresses[1].derivationIndex"},
		{"an index as a text", bad(`:0}`, `:"0"}`), "addresses[1].derivationIndex"},
		{"a private key", bad(`:0}`, `:0,"masterPublicKey":"xprv9s21ZrQH143K"}`), "addresses[1].masterPublicKey"},
		{"a key as a number", bad(`:0}`, `:0,"masterPublicKey":7}`), "addresses[1].masterPublicKey"},
	} {
		k.refused(test.name, k.post(shopKey, "/api/v1/address-pool/addresses", test.body), 400, "VALIDATION_ERROR", test.field)
	}
	counts, err := k.engine.InstrumentCounts(t.Context(), engine.Pool{Merchant: "shop", Mode: engine.Sandbox, Family: engine.EVM})
	if err != nil || counts.Total != 0 {
		t.Errorf("refused imports left %+v, %v", counts, err)
	}
	if got := k.post(shopKey, "/api/v1/address-pool/addresses", `{"addresses":[`+strings.Join(many[:1000], ",")+`]}`); got.status != 201 {
		t.Errorf("1000 addresses: %d %s", got.status, got.body)
	}
}
