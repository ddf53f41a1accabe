package notify

import (
	"bytes"
	"embed"
	"html/template"
	"strings"
	"time"
	"unicode"

	"till/internal/money"
	"till/internal/page"
)

// Notice is what there is to tell.
type Notice struct {
	Subject     string // a key of the texts: asked, reminder, paid, sent, returned, refunded, failed, expired, cancelled
	Merchant    string // who asks, pays or pays back
	Name        string // the customer's; may be empty
	Amount      money.Amount
	Description string    // the merchant's words for what it is about; may be empty
	Reference   string    // by which the merchant knows it; may be empty
	Link        string    // a page that shows more; may be empty
	Due         time.Time // until when it can be paid; zero: not said
	Test        bool      // no real money is meant
}

// Written is a notice in somebody's language.
type Written struct {
	Lang  page.Lang
	Title string // one line
	Line  string // all of it on one line, without the link
	Text  string // an e-mail's body
	HTML  string // the same
	Link  string
}

// asks are the subjects whose reader is to do something.
var asks = map[string]bool{"asked": true, "reminder": true}

// maxWord is how much of a merchant's own words is told, in runes.
const maxWord = 200

//go:embed texts html
var files embed.FS

// Texts is everything that is said, in every language.
type Texts struct {
	page page.Texts
	mail *template.Template
}

// ReadTexts reads what the program brings along. It fails on a language that lacks something.
func ReadTexts() (*Texts, error) {
	texts, err := page.ReadTexts(files)
	if err != nil {
		return nil, err
	}
	mail, err := template.ParseFS(files, "html/mail.html")
	return &Texts{texts, mail}, err
}

// Write writes a notice in a language. Error: of a subject that has no text, a programming error.
func (x *Texts) Write(l page.Lang, n Notice) (w Written, err error) {
	t := func(key string, args ...any) string {
		text, fillErr := x.page.Fill(l, key, args...)
		if err == nil {
			err = fillErr
		}
		return text
	}
	merchant, about := word(n.Merchant), word(n.Description)
	amount := l.Amount(n.Amount)
	w = Written{Lang: l, Title: t(n.Subject+".title", "merchant", merchant), Link: n.Link}
	say := t(n.Subject+".text", "merchant", merchant, "amount", amount)
	w.Line = say
	if about != "" {
		w.Line += " " + t("about", "description", about)
	}
	body := letter{Lang: string(l), Title: w.Title, Hello: t("hello.nobody"), Say: say, Link: n.Link, Button: t("see"), Footer: t("footer", "merchant", merchant)}
	if name := word(n.Name); name != "" {
		body.Hello = t("hello", "name", name)
	}
	if n.Test {
		body.Test = t("test")
		w.Title = "[" + t("test.mark") + "] " + w.Title
		w.Line = "[" + t("test.mark") + "] " + w.Line
	}
	if asks[n.Subject] {
		body.Button = t("pay")
		if !n.Due.IsZero() {
			body.Facts = append(body.Facts, fact{t("due"), l.Moment(n.Due)})
		}
	}
	if reference := word(n.Reference); reference != "" {
		body.Facts = append([]fact{{t("reference"), reference}}, body.Facts...)
	}
	if about != "" {
		body.Facts = append([]fact{{t("what"), about}}, body.Facts...)
	}
	body.Facts = append([]fact{{t("amount"), amount}}, body.Facts...)
	if err != nil {
		return Written{}, err
	}
	w.Text = body.text()
	w.HTML, err = body.html(x.mail)
	return w, err
}

// letter is an e-mail before it is laid out.
type letter struct {
	Lang, Title, Test, Hello, Say string
	Facts                         []fact
	Link, Button, Footer          string
}

type fact struct{ Name, Value string }

func (b letter) text() string {
	var out strings.Builder
	if b.Test != "" {
		out.WriteString(b.Test + "\n\n")
	}
	out.WriteString(b.Hello + "\n\n" + b.Say + "\n\n")
	for _, f := range b.Facts {
		out.WriteString(f.Name + ": " + f.Value + "\n")
	}
	if b.Link != "" {
		out.WriteString("\n" + b.Button + ": " + b.Link + "\n")
	}
	out.WriteString("\n-- \n" + b.Footer + "\n")
	return out.String()
}

func (b letter) html(t *template.Template) (string, error) {
	var out bytes.Buffer
	err := t.Execute(&out, b)
	return out.String(), err
}

// word is what a merchant or customer wrote, as part of one line.
func word(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }), " ")
	if runes := []rune(text); len(runes) > maxWord {
		text = string(runes[:maxWord-1]) + "…"
	}
	return text
}

// spanish and portuguese are the countries where the language is official, or the first of several.
const (
	spanish    = " AR BO CL CO CR CU DO EC ES GQ GT HN MX NI PA PE PR PY SV UY VE "
	portuguese = " AO BR CV GW MZ PT ST TL "
)

// LangOf is the language of people of a country (two letters); English for all others and for none.
func LangOf(country string) page.Lang {
	code := " " + strings.ToUpper(country) + " "
	switch {
	case len(country) == 2 && strings.Contains(spanish, code):
		return page.Spanish
	case len(country) == 2 && strings.Contains(portuguese, code):
		return page.Portuguese
	}
	return page.English
}
