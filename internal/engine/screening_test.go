package engine_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/screen"
)

// listOf is a screener whose list names a few people.
type listOf struct{ names, addresses []string }

func (l listOf) Name(q screen.Query) (hits []screen.Hit) {
	for i, name := range l.names {
		if strings.EqualFold(name, q.Name) {
			hits = append(hits, screen.Hit{Entry: screen.Entry{List: "ours", ID: string(rune('A' + i)), Name: name}, Name: name, Score: 1000,
				Why: []screen.Match{{Asked: q.Name, Listed: name, Score: 1000}}})
		}
	}
	return hits
}

func (l listOf) Address(address string) (hits []screen.Hit) {
	for _, a := range l.addresses {
		if a == address {
			hits = append(hits, screen.Hit{Entry: screen.Entry{List: "ours", Name: "wallet"}, Name: a, Score: 1000})
		}
	}
	return hits
}

func (l listOf) Entries() int { return len(l.names) + len(l.addresses) }

// screened is a request for 100 EUR by a method of the payer's choice, for somebody.
func (k *kit) screened(name string, documents ...string) engine.NewOrder {
	k.engine.SetScreener(listOf{names: []string{"Ivan Badman"}, addresses: []string{"0xbad"}})
	n := k.collected()
	n.Screen = &engine.Screening{Names: []screen.Query{{Name: name}}, Documents: documents}
	return n
}

// collected is a request for 100 EUR that completes when it was collected and must come in one piece.
func (k *kit) collected() engine.NewOrder {
	n := k.link()
	return withTerms(n, func(t *order.Terms) {
		t.Whole, t.OverAny, t.CompleteOnCollect, t.Instant, t.SeenWaits = true, false, true, true, false
		t.To = t.Book.Account(ledger.Merchant)
	})
}

var pdf = []byte("%PDF-1.7\n1 0 obj\n")

// file keeps a file of the scope and returns its id.
func (k *kit) file(s engine.Scope, name string) string {
	k.Helper()
	f, err := k.engine.AddFile(context.Background(), s, engine.NewFile{ID: k.unique("doc"), Name: name, FileName: "scan.pdf", Content: bytes.NewReader(pdf)})
	k.must(err)
	return f.ID
}

func reviewOf(o *engine.Order, kind order.ReviewKind) order.Review {
	for _, r := range o.Reviews {
		if r.Kind == kind {
			return r
		}
	}
	return order.Review{}
}

func TestCreationIsScreened(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ask   func(k *kit) engine.NewOrder
		state order.State
		hits  int
		slots int
	}{
		{"nobody on a list", func(k *kit) engine.NewOrder { return k.screened("Anna Good", "Passport") }, order.Waiting, 0, 0},
		{"somebody, and documents", func(k *kit) engine.NewOrder { return k.screened("ivan badman", "Passport", "Proof of Address") }, order.Documents, 1, 2},
		{"somebody, and no documents", func(k *kit) engine.NewOrder { return k.screened("Ivan Badman") }, order.InReview, 1, 0},
		{"an address", func(k *kit) engine.NewOrder {
			n := k.screened("")
			n.Screen.Accounts = []string{"0xbad"}
			return n
		}, order.InReview, 1, 0},
		{"the sandbox wants documents", func(k *kit) engine.NewOrder {
			n := k.screened("Anna Good", "Passport")
			n.Screen.Force = engine.ForceDocuments
			return n
		}, order.Documents, 1, 1},
		{"the sandbox wants a review", func(k *kit) engine.NewOrder {
			n := k.screened("Anna Good", "Passport")
			n.Screen.Force = engine.ForceReview
			return n
		}, order.InReview, 1, 0},
		{"the sandbox refuses", func(k *kit) engine.NewOrder {
			n := k.screened("Anna Good", "Passport")
			n.Screen.Force = engine.ForceRefusal
			return n
		}, order.Failed, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := newKit(t)
			o := k.now(k.order(tc.ask(k)))
			want(k, "state", o.State, tc.state)
			want(k, "findings", len(o.Findings), tc.hits)
			want(k, "documents that are missing", len(o.MissingDocuments()), tc.slots)
			for _, r := range o.Requested {
				if !strings.HasPrefix(r.ID, "rfidoc_") || r.Review != order.Screening {
					t.Errorf("a request is %+v", r)
				}
			}
		})
	}
}

func TestDocumentsAreGivenAllOrNothing(t *testing.T) { // case 41
	k := newKit(t)
	ctx := context.Background()
	o := k.order(k.screened("Ivan Badman", "Passport", "Proof of Address"))
	slots := o.MissingDocuments()
	passport, address, foreign := k.file(shop, "Passport"), k.file(shop, "Proof of Address"), k.file(other, "Passport")
	give := func(o *engine.Order, given ...engine.Given) error {
		_, err := k.engine.GiveDocuments(ctx, shop, o.ID, given)
		return err
	}
	for name, tc := range map[string]struct {
		given []engine.Given
		code  fault.Code
	}{
		"nothing":          {nil, fault.CodeMissingField},
		"a wrong slot":     {[]engine.Given{{Slot: slots[0].ID, Document: passport}, {Slot: "rfidoc_none", Document: address}}, fault.CodeInvalidValue},
		"a slot twice":     {[]engine.Given{{Slot: slots[0].ID, Document: passport}, {Slot: slots[0].ID, Document: address}}, fault.CodeInvalidValue},
		"a file twice":     {[]engine.Given{{Slot: slots[0].ID, Document: passport}, {Slot: slots[1].ID, Document: passport}}, fault.CodeInvalidValue},
		"a foreign file":   {[]engine.Given{{Slot: slots[0].ID, Document: passport}, {Slot: slots[1].ID, Document: foreign}}, fault.CodeInvalidValue},
		"an unknown file":  {[]engine.Given{{Slot: slots[0].ID, Document: "doc_none"}}, fault.CodeInvalidValue},
		"no file's number": {[]engine.Given{{Slot: slots[0].ID}}, fault.CodeInvalidValue},
	} {
		if err := give(o, tc.given...); !fault.Is(err, tc.code) {
			t.Errorf("%s: %v", name, err)
		}
		want(k, name, len(k.now(o).MissingDocuments()), 2)
	}
	if _, err := k.engine.GiveDocuments(ctx, other, o.ID, []engine.Given{{Slot: slots[0].ID, Document: foreign}}); !fault.Is(err, fault.CodeNotFound) {
		t.Errorf("another's order: %v", err)
	}

	k.must(give(o, engine.Given{Slot: slots[0].ID, Document: passport}))
	o = k.now(o)
	want(k, "with one of two", o.State, order.Documents)
	wantList(k, "the review misses", reviewOf(o, order.Screening).Missing, "Proof of Address")
	k.wantCode(give(o, engine.Given{Slot: slots[0].ID, Document: address}), fault.CodeInvalidValue)
	k.must(give(o, engine.Given{Slot: slots[1].ID, Document: address}))
	o = k.now(o)
	want(k, "with both", o.State, order.InReview)
	k.wantCode(give(o, engine.Given{Slot: slots[1].ID, Document: address}), fault.CodeOrderStateConflict)

	// The reviewer asks again, is answered, and approves.
	o, err := k.engine.Ask(ctx, o.ID, order.Screening, "olga", []string{"Passport"})
	k.must(err)
	want(k, "asked again", o.State, order.Documents)
	k.wantCode(give(o, engine.Given{Slot: o.MissingDocuments()[0].ID, Document: passport}), fault.CodeInvalidValue) // it was rejected
	again := k.file(shop, "Passport")
	k.must(give(o, engine.Given{Slot: o.MissingDocuments()[0].ID, Document: again}))
	o, err = k.engine.Approve(ctx, o.ID, order.Screening, order.ByOperator, "olga")
	k.must(err)
	want(k, "approved", o.State, order.Waiting)
	for id, state := range map[string]engine.FileState{passport: engine.FileApproved, again: engine.FileApproved, address: engine.FileApproved} {
		f, err := k.engine.File(ctx, shop, id)
		k.must(err)
		if id == passport {
			continue // it was rejected, and what the review was approved with is the new one
		}
		want(k, "file "+id, f.State, state)
	}
	k.wantCode(func() error { _, err := k.engine.Ask(ctx, o.ID, order.Screening, "olga", []string{"X"}); return err }(), fault.CodeOrderStateConflict)
}

func TestTwoPersonsApproveAboveALimit(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.engine.SetTwoPersons(map[string]money.Amount{"EUR": units(eur, 999)})
	o := k.order(k.screened("Ivan Badman"))
	approve := func(who string) error {
		got, err := k.engine.Approve(ctx, o.ID, order.Screening, order.ByOperator, who)
		if got != nil {
			o = got
		}
		return err
	}
	k.must(approve("olga"))
	want(k, "after one person", k.now(o).State, order.InReview)
	want(k, "the first", k.now(o).Firsts[order.Screening], "olga")
	k.wantCode(approve("olga"), fault.CodeForbidden)
	k.must(approve("max"))
	want(k, "after two", k.now(o).State, order.Waiting)
	want(k, "nobody is waited for", len(k.now(o).Firsts), 0)

	k.engine.SetTwoPersons(map[string]money.Amount{"EUR": units(eur, 1000)})
	o = k.order(k.screened("Ivan Badman"))
	k.must(approve("olga"))
	want(k, "at the limit one is enough", k.now(o).State, order.Waiting)
}

func TestFiles(t *testing.T) { // case 60
	k := newKit(t)
	ctx := context.Background()
	k.engine.SetBlobs(nil, 3<<20)
	large := append(bytes.Clone(pdf), bytes.Repeat([]byte("0123456789abcde\n"), 150_000)...) // three parts
	f, err := k.engine.AddFile(ctx, shop, engine.NewFile{ID: "doc_1", Name: "Invoice", FileName: "..\\..\\my invoice\x00.exe", Content: bytes.NewReader(large)})
	k.must(err)
	if f.Type != "application/pdf" || !strings.HasPrefix(f.FileName, "my_invoice_") || !strings.HasSuffix(f.FileName, ".pdf") || f.Size != int64(len(large)) {
		t.Errorf("the file is %+v", f)
	}
	found, content, err := k.engine.OpenFile(ctx, shop, "doc_1")
	k.must(err)
	got, err := io.ReadAll(content)
	k.must(err)
	k.must(content.Close())
	if !bytes.Equal(got, large) || found.Digest != f.Digest || found.State != engine.FileUploaded {
		t.Errorf("%d bytes of %d came back, record %+v", len(got), len(large), found)
	}
	_, _, err = k.engine.OpenFile(ctx, other, "doc_1")
	k.wantCode(err, fault.CodeNotFound)
	if _, err := k.engine.File(ctx, engine.Scope{}, "doc_1"); err != nil {
		t.Errorf("for an operator: %v", err)
	}
	for name, tc := range map[string]struct {
		n    engine.NewFile
		code fault.Code
	}{
		"no name":      {engine.NewFile{Content: bytes.NewReader(pdf)}, fault.CodeMissingField},
		"a long name":  {engine.NewFile{Name: strings.Repeat("x", 201), Content: bytes.NewReader(pdf)}, fault.CodeTooLong},
		"no content":   {engine.NewFile{Name: "x", Content: bytes.NewReader(nil)}, fault.CodeMissingField},
		"another type": {engine.NewFile{Name: "x", FileName: "x.pdf", Content: strings.NewReader("<script>")}, fault.CodeUnsupportedMediaType},
		"too large":    {engine.NewFile{Name: "x", Content: bytes.NewReader(make([]byte, 3<<20+1))}, fault.CodeBodyTooLarge},
	} {
		tc.n.ID = k.unique("doc")
		if _, err := k.engine.AddFile(ctx, shop, tc.n); !fault.Is(err, tc.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	k.file(shop, "Passport")
	page, err := k.engine.Files(ctx, engine.FileFilter{Scope: shop, Page: 1, Limit: 10})
	k.must(err)
	if page.Total != 2 || page.Files[0].Name != "Passport" || page.Files[1].ID != "doc_1" {
		t.Errorf("the files are %+v", page)
	}
}
