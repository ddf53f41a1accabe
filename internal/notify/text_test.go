package notify

import (
	"strings"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/page"
)

func texts(t *testing.T) *Texts {
	t.Helper()
	x, err := ReadTexts()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestWrittenInThreeLanguages(t *testing.T) {
	x := texts(t)
	cop := money.MustAsset("COP", "", 2)
	amount, err := money.Parse(cop, "1234567.5")
	if err != nil {
		t.Fatal(err)
	}
	n := Notice{
		Subject: "asked", Merchant: "Café <b>Sol</b>", Name: "Ana", Amount: amount, Description: "Two\r\nmugs", Reference: "INV-7",
		Link: "https://pay.example/pay/order/o?x=1&y=2", Due: time.Date(2026, 3, 4, 15, 30, 0, 0, time.UTC),
	}
	w, err := x.Write(page.Spanish, n)
	if err != nil {
		t.Fatal(err)
	}
	if w.Title != "Café <b>Sol</b> le pide un pago" || w.Line != "Café <b>Sol</b> le pide que pague 1.234.567,50\u00a0COP. Se trata de: Two mugs." {
		t.Errorf("%q\n%q", w.Title, w.Line)
	}
	want := "Hola, Ana:\n\nCafé <b>Sol</b> le pide que pague 1.234.567,50\u00a0COP.\n\nImporte: 1.234.567,50\u00a0COP\nConcepto: Two mugs\nReferencia: INV-7\n" +
		"Se puede pagar hasta: 4 mar 2026, 15:30 UTC\n\nPagar ahora: https://pay.example/pay/order/o?x=1&y=2\n\n-- \nRecibe este mensaje porque Café <b>Sol</b> le dirigió un pago.\n"
	if w.Text != want {
		t.Errorf("got\n%s\nwant\n%s", w.Text, want)
	}
	for _, part := range []string{`<html lang="es">`, "Café &lt;b&gt;Sol&lt;/b&gt; le pide que pague", `href="https://pay.example/pay/order/o?x=1&amp;y=2"`, "Pagar ahora</a>", "INV-7"} {
		if !strings.Contains(w.HTML, part) {
			t.Errorf("no %s in\n%s", part, w.HTML)
		}
	}

	// Every subject in every language says who and how much, and leaves no placeholder.
	n.Merchant, n.Test, n.Name = "Sol", true, ""
	for _, l := range page.Languages() {
		seen := map[string]bool{}
		for _, subject := range []string{"asked", "reminder", "paid", "sent", "returned", "refunded", "failed", "expired", "cancelled"} {
			n.Subject = subject
			w, err := x.Write(l, n)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{w.Line, w.Text, w.HTML} {
				if !strings.Contains(text, "Sol") || !strings.Contains(text, l.Amount(amount)) || strings.ContainsAny(text, "{}") {
					t.Errorf("%s %s: %s", l, subject, text)
				}
			}
			if !strings.HasPrefix(w.Title, "[") || !strings.HasPrefix(w.Line, "[") || strings.Contains(w.Line, "\n") || seen[w.Title] {
				t.Errorf("%s %s: %q %q", l, subject, w.Title, w.Line)
			}
			seen[w.Title] = true
			if asks := subject == "asked" || subject == "reminder"; strings.Contains(w.Text, l.Moment(n.Due)) != asks {
				t.Errorf("%s %s: the deadline in\n%s", l, subject, w.Text)
			}
		}
	}
	n.Subject = "another"
	if _, err := x.Write(page.English, n); err == nil {
		t.Error("a subject without a text was written")
	}
	n = Notice{Subject: "paid", Merchant: strings.Repeat("x\n", 500), Amount: amount}
	if w, err := x.Write(page.English, n); err != nil || len(w.Title) > 400 || strings.Contains(w.Text, "http") {
		t.Errorf("%d %v", len(w.Title), err)
	}
}

func TestLanguageOfACountry(t *testing.T) {
	for country, want := range map[string]page.Lang{
		"CO": page.Spanish, "mx": page.Spanish, "ES": page.Spanish, "BR": page.Portuguese, "PT": page.Portuguese,
		"US": page.English, "": page.English, " ": page.English, "O ": page.English, "R B": page.English,
	} {
		if got := LangOf(country); got != want {
			t.Errorf("%q: %s, want %s", country, got, want)
		}
	}
}
