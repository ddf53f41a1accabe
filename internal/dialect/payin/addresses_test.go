package payin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/order"
)

const (
	poolPath   = "/api/v1/address-pool/"
	importPath = poolPath + "import"
)

func addressNumber(n int) string { return fmt.Sprintf("0x%040x", n) }

func poolBody(mode, addresses string) string {
	return fmt.Sprintf(`{"protocol":"evm","mode":%q,"addresses":%s}`, mode, addresses)
}

func csvBody(mode string, lines ...string) string {
	return poolBody(mode, fmt.Sprintf("%q", strings.Join(lines, "\n")))
}

func (k *kit) patch(key, path string) reply {
	return k.do(request{method: "PATCH", path: path, key: key})
}

// available is what the pool says of itself; its counts add up.
func (k *kit) available(key string) poolCounts {
	k.Helper()
	body := parse[availabilityAnswer](k, k.get(key, poolPath+"availability?protocol=evm"))
	c := body.Data.poolCounts
	if !body.Success || c.Available+c.Allocated+c.Bound+c.CoolingDown+c.Archived+c.Quarantined+c.Used != c.Total {
		k.Errorf("the counts do not add up: %+v", body)
	}
	return c
}

func (k *kit) listed(key, query string) addressesBody {
	k.Helper()
	return parse[addressList](k, k.get(key, poolPath+"addresses"+query)).Data
}

func TestGoldenAddresses(t *testing.T) {
	g := &golden{kit: newKit(t), file: "addresses.golden"}
	ask := func(title, method, path, body string) {
		t.Helper()
		route, _, _ := strings.Cut(path, "?")
		g.ask(method+" "+poolPath+route+": "+title, request{method: method, path: poolPath + path, key: shopKey, body: body})
	}
	ask("an empty pool", "GET", "summary", "")
	ask("an HD wallet", "POST", "import", csvBody("hd_wallet", "address,derivation_index,protocol,master_public_key",
		"0x0000000000000000000000000000000000000001,0,evm,xpub661MyMwAqRbcF", "0x0000000000000000000000000000000000000002,1,evm,xpub661MyMwAqRbcF",
		"0x0000000000000000000000000000000000000003,2,evm,xpub661MyMwAqRbcF"))
	ask("addresses alone, one of them again, one mistyped", "POST", "import", csvBody("self_managed", "address,derivation_index,protocol,master_public_key",
		"0x0000000000000000000000000000000000000003,,,", "0xfb6916095ca1df60bB79Ce92cE3Ea74c37c5d359,,,"))
	ask("an array", "POST", "import", poolBody("self_managed", `["0x0000000000000000000000000000000000000004",{"address":"0x0000000000000000000000000000000000000005","derivationIndex":null}]`))
	ask("wrong lines", "POST", "import", csvBody("hd_wallet", "address,derivation_index,protocol,master_public_key",
		"0x0000000000000000000000000000000000000006,3,evm,xpub661MyMwAqRbcF", "0x0000000000000000000000000000000000000000,4,evm,xpub661MyMwAqRbcF", "0x07,five,evm,xpub661MyMwAqRbcF"))
	ask("another protocol", "POST", "import", `{"protocol":"tron","mode":"self_managed","addresses":["TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"]}`)
	ask("without a mode", "POST", "import", `{"protocol":"evm","addresses":["0x0000000000000000000000000000000000000006"]}`)
	g.create("R-1")
	g.reference("user_1")
	g.create("R-2")
	g.expire(sepolia, 20*time.Minute)
	g.create("R-3")
	ask("one out of use", "PATCH", "addresses/"+addressNumber(5)+"/archive", "")
	ask("one that is held", "PATCH", "addresses/"+addressNumber(2)+"/archive", "")
	ask("unknown", "PATCH", "addresses/"+addressNumber(9)+"/archive", "")
	ask("all of it", "GET", "addresses", "")
	ask("its second page", "GET", "addresses?protocol=evm&page=2&pageSize=4", "")
	ask("too long a page", "GET", "addresses?pageSize=101", "")
	ask("of another protocol", "GET", "addresses?protocol=solana", "")
	ask("what is left", "GET", "availability?protocol=evm", "")
	ask("of another protocol", "GET", "availability?protocol=tron", "")
	ask("everything", "GET", "summary", "")
	ask("by protocol", "GET", "status", "")
	ask("back in use", "PATCH", "addresses/"+addressNumber(5)+"/unarchive", "")
	ask("no address", "PATCH", "addresses/0x12/unarchive", "")
	g.ask("GET "+poolPath+"summary: without a key", request{method: "GET", path: poolPath + "summary"})
	g.check()
}

func TestPoolImportIsRefused(t *testing.T) {
	k := newKit(t)
	const header = "address,derivation_index,protocol,master_public_key"
	one := addressNumber(1)
	var many []string
	for i := range 1001 {
		many = append(many, addressNumber(i+1))
	}
	for _, c := range []struct{ name, body, field string }{
		{"nothing", `{}`, "protocol"},
		{"another protocol", `{"protocol":"solana","mode":"self_managed","addresses":["x"]}`, "protocol"},
		{"no mode", `{"protocol":"evm","addresses":["x"]}`, "mode"},
		{"another mode", poolBody("custodial", `["x"]`), "mode"},
		{"no addresses", `{"protocol":"evm","mode":"self_managed"}`, "addresses"},
		{"null", poolBody("self_managed", `null`), "addresses"},
		{"an empty text", poolBody("self_managed", `""`), "addresses"},
		{"an empty array", poolBody("self_managed", `[]`), "addresses"},
		{"a number", poolBody("self_managed", `7`), "addresses"},
		{"a header alone", csvBody("self_managed", header), "addresses"},
		{"no header", csvBody("self_managed", one), "addresses"},
		{"a header without address", csvBody("self_managed", "protocol", "evm"), "addresses"},
		{"an unknown column", csvBody("self_managed", "address,private_key", one+",7"), "addresses"},
		{"a column twice", csvBody("self_managed", "address,address", one+","+one), "addresses"},
		{"a broken header", csvBody("self_managed", `add"ress`, one), "addresses"},
		{"too many lines", csvBody("self_managed", append([]string{"address"}, many...)...), "addresses"},
		{"too many elements", poolBody("self_managed", `["`+strings.Join(many, `","`)+`"]`), "addresses"},
	} {
		k.refused(c.name, k.post(shopKey, importPath, c.body), 400, "VALIDATION_ERROR", c.field)
	}
	k.refused("more than a megabyte", k.post(shopKey, importPath, csvBody("self_managed", "address", strings.Repeat(" ", 1<<20))), 413, "PAYLOAD_TOO_LARGE", "")
	k.refused("a key that may only read", k.post(readerKey, importPath, poolBody("self_managed", `["`+one+`"]`)), 403, "INSUFFICIENT_PERMISSIONS", "")

	k.pool(otherKey, 100, 1)
	good := one + ",0,evm,xpub1"
	two := func(line string) string { return csvBody("hd_wallet", header, good, line) }
	const xprv = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
	for _, c := range []struct {
		name, body string
		line       int
		word       string
	}{
		{"the zero address", two(addressNumber(0) + ",1,evm,xpub1"), 3, "not all zero"},
		{"no address", two(",1,evm,xpub1"), 3, "address is missing"},
		{"a short address", two("0x12,1,evm,xpub1"), 3, "not a valid evm address"},
		{"another protocol", two(addressNumber(2) + ",1,tron,xpub1"), 3, "protocol"},
		{"no index in an HD wallet", two(addressNumber(2) + ",,evm,xpub1"), 3, "derivation_index is missing"},
		{"no key in an HD wallet", two(addressNumber(2) + ",1,evm,"), 3, "master_public_key is missing"},
		{"a negative index", two(addressNumber(2) + ",-1,evm,xpub1"), 3, "derivation_index"},
		{"a hardened index", two(addressNumber(2) + ",2147483648,evm,xpub1"), 3, "derivation_index"},
		{"an index with zeros", two(addressNumber(2) + ",01,evm,xpub1"), 3, "derivation_index"},
		{"an index twice", two(addressNumber(2) + ",0,evm,xpub1"), 3, "that of line 2"},
		{"an address twice, with two indexes", two(one + ",1,evm,xpub1"), 3, "that of line 2"},
		{"another key", two(addressNumber(2) + ",1,evm,xpub2"), 3, "not that of line 2"},
		{"a private key", two(addressNumber(2) + ",1,evm," + xprv), 3, "private key"},
		{"words for a key", two(addressNumber(2) + ",1,evm,abandon abandon about"), 3, "one word"},
		{"a long key", two(addressNumber(2) + ",1,evm," + strings.Repeat("x", 256)), 3, "255"},
		{"a column too few", two(addressNumber(2) + ",1"), 3, "wrong number of fields"},
		{"a broken line", two(`"` + addressNumber(2)), 3, "cannot be read"},
		{"another merchant's address", csvBody("self_managed", "address", one, addressNumber(100)), 3, "cannot be imported"},
		{"a number in an array", poolBody("self_managed", `["`+one+`",7]`), 2, "an address or an object"},
		{"a number for an address", poolBody("self_managed", `["`+one+`",{"address":7}]`), 2, "address"},
		{"half an index in an array", poolBody("self_managed", `["`+one+`",{"address":"`+addressNumber(2)+`","derivation_index":1.5}]`), 2, "derivation_index"},
		{"a list for a key", poolBody("self_managed", `["`+one+`",{"address":"`+addressNumber(2)+`","masterPublicKey":[]}]`), 2, "masterPublicKey"},
		{"a long text for an address", poolBody("self_managed", `["`+one+`","`+strings.Repeat("x", 256)+`"]`), 2, "too long"},
	} {
		got := k.post(shopKey, importPath, c.body)
		body := parse[wrongLinesBody](k, got)
		if got.status != 400 || body.Success || body.Code != "VALIDATION_ERROR" || len(body.Details) != 1 || body.Details[0].Line != c.line || !strings.Contains(body.Details[0].Error, c.word) {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
		if strings.Contains(got.body, xprv) || strings.Contains(got.body, "abandon") {
			t.Errorf("%s: a secret is shown: %s", c.name, got.body)
		}
	}
	if c := k.available(shopKey); c.Total != 0 {
		t.Errorf("refused imports left %+v", c)
	}
	for i := range many {
		many[i] = "no address"
	}
	if body := parse[wrongLinesBody](k, k.post(shopKey, importPath, csvBody("self_managed", append([]string{"address"}, many[:1000]...)...))); len(body.Details) != shownLines || !strings.Contains(body.Message, "1000 of 1000") {
		t.Errorf("%d lines are told: %s", len(body.Details), body.Message)
	}
}

// Columns stand in any order, lines end as anywhere, and what is taken is exactly what is written.
func TestPoolImport(t *testing.T) {
	k := newKit(t)
	const key = "xpub661MyMwAqRbcFtXgS5s"
	text := "\\ufeffMaster_Public_Key, protocol, derivation_index, address\\r\\n" +
		key + ",,7," + addressNumber(1) + "\\r\\n\\r\\n" + key + `, evm, 5 ,\"` + addressNumber(2) + `\"`
	for i, want := range []struct{ imported, skipped int }{{2, 0}, {0, 2}} {
		got := k.post(shopKey, importPath, poolBody("hd_wallet", `"`+text+`"`))
		body := parse[poolImportBody](k, got)
		if got.status != 200 || body.Imported != want.imported || body.Skipped != want.skipped || len(body.Warnings) != 0 {
			t.Fatalf("%d: %d %s", i, got.status, got.body)
		}
		if s := body.Summary; s.DerivationRange == nil || *s.DerivationRange != (derivationRange{5, 7}) || s.MasterPublicKey == nil || *s.MasterPublicKey != key {
			t.Errorf("%d: %s", i, got.body)
		}
	}
	again := parse[poolImportBody](k, k.post(shopKey, importPath, csvBody("self_managed", "address", addressNumber(170), strings.ToUpper(addressNumber(170)[2:]), addressNumber(3))))
	if again.Success {
		t.Errorf("an address without 0x was imported: %+v", again)
	}
	twice := parse[poolImportBody](k, k.post(shopKey, importPath, csvBody("self_managed", "address", addressNumber(170), "0x"+strings.ToUpper(addressNumber(170)[2:]))))
	if !twice.Success || twice.Imported != 1 || twice.Skipped != 1 || len(twice.Warnings) != 1 || twice.Warnings[0].Line != 3 {
		t.Errorf("an address twice: %+v", twice)
	}
	if c := k.available(shopKey); c.Total != 3 || c.Available != 3 {
		t.Errorf("%+v", c)
	}
	if c := k.available(liveKey); c.Total != 0 {
		t.Errorf("live has the sandbox's addresses: %+v", c)
	}
}

func TestPoolHasALimit(t *testing.T) {
	k := newKit(t)
	pool := engine.Pool{Merchant: "shop", Mode: engine.Sandbox, Family: engine.EVM}
	list := make([]engine.Imported, maxPool-1)
	for i := range list {
		list[i].Value = addressNumber(i + 1)
	}
	_, err := k.engine.ImportInstruments(t.Context(), pool, list)
	k.must(err)
	two := poolBody("self_managed", `["`+addressNumber(20001)+`","`+addressNumber(20002)+`"]`)
	if body := k.refused("one too many", k.post(shopKey, importPath, two), 400, "VALIDATION_ERROR", "addresses"); !strings.Contains(body.Message, "10000") {
		t.Errorf("the limit is not named: %s", body.Message)
	}
	row := `{"address":"` + addressNumber(20001) + `","protocol":"evm","derivationIndex":null}`
	k.refused("one too many, by the other way", k.post(shopKey, poolPath+"addresses", `{"addresses":[`+row+`,`+strings.Replace(row, "4e21", "4e22", 1)+`]}`), 400, "VALIDATION_ERROR", "addresses")
	if got := k.post(shopKey, importPath, poolBody("self_managed", `["`+addressNumber(20001)+`"]`)); got.status != 200 {
		t.Errorf("the last one: %d %s", got.status, got.body)
	}
	if got := k.post(shopKey, importPath, poolBody("self_managed", `["`+addressNumber(20001)+`"]`)); got.status != 200 || parse[poolImportBody](k, got).Skipped != 1 {
		t.Errorf("again, in a full pool: %d %s", got.status, got.body)
	}
	if c := k.available(shopKey); c.Total != maxPool {
		t.Errorf("%+v", c)
	}
	k.pool(otherKey, 30000, 1)
	last := k.listed(shopKey, "?page=100&pageSize=100")
	if last.Total != maxPool || len(last.Addresses) != 100 || last.Addresses[0].Address >= last.Addresses[99].Address {
		t.Errorf("the last page has %d of %d", len(last.Addresses), last.Total)
	}
	if none := k.listed(shopKey, "?page=101&pageSize=100"); len(none.Addresses) != 0 || none.Total != maxPool {
		t.Errorf("behind the last page: %+v", none)
	}
}

// Page by page each address comes once, and nobody else's.
func TestAddressesArePaged(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 7)
	k.pool(otherKey, 50, 3)
	seen := map[string]bool{}
	for page := 1; page <= 4; page++ {
		list := k.listed(shopKey, fmt.Sprintf("?page=%d&pageSize=3", page))
		if want := []int{3, 3, 1, 0}[page-1]; len(list.Addresses) != want || list.Total != 7 {
			t.Errorf("page %d: %+v", page, list)
		}
		for _, one := range list.Addresses {
			if seen[one.Address] {
				t.Errorf("%s comes twice", one.Address)
			}
			seen[one.Address] = true
		}
	}
	if len(seen) != 7 {
		t.Errorf("%v", seen)
	}
	for query, field := range map[string]string{"?page=0": "page", "?page=x": "page", "?pageSize=0": "pageSize", "?pageSize=101": "pageSize", "?protocol=tron": "protocol", "?page=1&page=2": "page"} {
		k.refused(query, k.get(shopKey, poolPath+"addresses"+query), 400, "VALIDATION_ERROR", field)
	}
}

// What is archived is given to nobody; who holds it keeps it, and it is archived when he is done.
func TestArchivedAddressesAreNotGiven(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 0xab01, 2)
	held := k.create("R-1")
	bound := k.reference("user_1")
	if c := k.available(shopKey); c.Allocated != 1 || c.Bound != 1 || c.Available != 0 {
		t.Errorf("%+v", c)
	}
	for i, spelling := range []string{held.Address, strings.ToLower(held.Address), "0X" + strings.ToUpper(held.Address[2:])} {
		got := k.patch(shopKey, poolPath+"addresses/"+spelling+"/archive")
		if body := parse[doneBody](k, got); got.status != 200 || !body.Success || !strings.Contains(body.Message, "its order keeps it") {
			t.Errorf("%d: %d %s", i, got.status, got.body)
		}
	}
	if got := k.patch(shopKey, poolPath+"addresses/"+bound.Address+"/archive"); got.status != 200 || !strings.Contains(got.body, "unbound") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if c := k.available(shopKey); c.Allocated != 1 || c.Bound != 1 || c.Archived != 0 {
		t.Errorf("what is held is not held any more: %+v", c)
	}
	k.expire(sepolia, 20*time.Minute)
	if c := k.available(shopKey); c.Archived != 1 || c.Bound != 1 {
		t.Errorf("after its order: %+v", c)
	}
	k.clock.Move(24 * time.Hour)
	k.refused("only archived ones are left", k.post(shopKey, "/api/v1/orders", newOrder("R-2")), 503, "NO_AVAILABLE_ADDRESSES", "")
	for range 2 {
		if got := k.patch(shopKey, poolPath+"addresses/"+held.Address+"/unarchive"); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if c := k.available(shopKey); c.Archived != 0 || c.Available+c.CoolingDown != 1 {
		t.Errorf("%+v", c)
	}
}

func TestAddressesOfOthersAreNotThere(t *testing.T) {
	k := newKit(t)
	k.pool(otherKey, 1, 1)
	k.pool(liveKey, 2, 1)
	for _, address := range []string{addressNumber(1), addressNumber(2), addressNumber(3), addressNumber(0), "0x12", "x"} {
		for _, verb := range []string{"archive", "unarchive"} {
			k.refused(verb+" "+address, k.patch(shopKey, poolPath+"addresses/"+address+"/"+verb), 404, "RESOURCE_NOT_FOUND", "")
		}
	}
	if list := k.listed(shopKey, ""); list.Total != 0 || len(list.Addresses) != 0 {
		t.Errorf("%+v", list)
	}
	if c := k.available(otherKey); c.Archived != 0 || c.Available != 1 {
		t.Errorf("%+v", c)
	}
	k.refused("a key that may only read", k.patch(readerKey, poolPath+"addresses/"+addressNumber(1)+"/archive"), 403, "INSUFFICIENT_PERMISSIONS", "")
}

// An address that money arrived at before anybody had it is neither available nor lost from the counts.
func TestQuarantinedAddressesAreCounted(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 2)
	k.clock.Move(time.Minute)
	k.told(sepolia, 1001, k.payment(addressNumber(1), "0xd1", 1000, order.RankConfirmed, sepoliaUSDT100))
	if c := k.available(shopKey); c.Quarantined != 1 || c.Available != 1 || c.Total != 2 {
		t.Errorf("%+v", c)
	}
	list := k.listed(shopKey, "")
	if one := list.Addresses[0]; one.Status != "quarantined" || one.Type != nil || one.ExternalID != nil {
		t.Errorf("%+v", one)
	}
	status := parse[map[string]poolCounts](k, k.get(shopKey, poolPath+"status"))
	summary := parse[poolSummaryAnswer](k, k.get(shopKey, poolPath+"summary"))
	if status["evm"] != k.available(shopKey) || summary.Data.Protocols[0].poolCounts != status["evm"] || summary.Data.TotalAvailable != 1 || !summary.Data.HasAddresses {
		t.Errorf("%+v %+v", status, summary)
	}
}
