package page

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"till/internal/money"
)

// Lang is a language that pages are written in, by its ISO 639-1 code.
type Lang string

// The languages.
const (
	English    Lang = "en"
	Spanish    Lang = "es"
	Portuguese Lang = "pt"
)

// Languages lists them; the first is for everybody who reads none of them.
func Languages() []Lang { return []Lang{English, Spanish, Portuguese} }

// writing is how a language writes what is no text. Separators are those of CLDR.
type writing struct {
	name          string
	point, group  string
	groupedFrom   int // digits before the point from which they are grouped
	months        [12]string
	before, after string // of the month, in a date
}

var writings = map[Lang]writing{
	English: {"English", ".", ",", 4,
		[12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}, " ", " "},
	Spanish: {"Español", ",", ".", 5,
		[12]string{"ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"}, " ", " "},
	Portuguese: {"Português", ",", ".", 4,
		[12]string{"jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."}, " de ", " de "},
}

// Name is the language's own word for itself.
func (l Lang) Name() string { return writings[l].name }

func known(code string) (Lang, bool) {
	main, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(code)), "-")
	_, ok := writings[Lang(main)]
	return Lang(main), ok
}

// LangOf is the language a request asks for: by ?lang=, else by Accept-Language, else English.
func LangOf(r *http.Request) Lang {
	if l, ok := known(r.URL.Query().Get("lang")); ok {
		return l
	}
	best, weight := Languages()[0], 0
	for _, wish := range strings.Split(strings.Join(r.Header.Values("Accept-Language"), ","), ",") {
		code, params, _ := strings.Cut(wish, ";")
		if l, ok := known(code); ok && quality(params) > weight {
			best, weight = l, quality(params)
		}
	}
	return best
}

// quality reads "q=0.8" as thousandths; nothing is 1000, nonsense 0.
func quality(params string) int {
	params = strings.TrimSpace(params)
	if params == "" {
		return 1000
	}
	text, ok := strings.CutPrefix(params, "q=")
	whole, fraction, _ := strings.Cut(text, ".")
	if !ok || len(fraction) > 3 {
		return 0
	}
	n, err := strconv.Atoi(whole + fraction + strings.Repeat("0", 3-len(fraction)))
	if err != nil || n < 0 || n > 1000 {
		return 0
	}
	return n
}

// Number writes a plain decimal ("-1234.50") as the language does: "-1,234.50". Every digit is kept.
func (l Lang) Number(decimal string) string {
	w := writings[l]
	digits, negative := strings.CutPrefix(decimal, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	var out strings.Builder
	if negative {
		out.WriteString("-")
	}
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 && len(whole) >= w.groupedFrom {
			out.WriteString(w.group)
		}
		out.WriteByte(whole[i])
	}
	if fraction != "" {
		out.WriteString(w.point + fraction)
	}
	return out.String()
}

// Plain reads a number that somebody typed: with a comma where the language writes one before the decimals, else as it
// is. It does not check that it is a number.
func (l Lang) Plain(typed string) string {
	if writings[l].point == "," && strings.Count(typed, ",") == 1 && !strings.Contains(typed, ".") {
		return strings.Replace(typed, ",", ".", 1)
	}
	return typed
}

// Amount writes an amount with its code and without the zeros at its end, of which two stay: "100.00 USDT".
// It is exact.
func (l Lang) Amount(a money.Amount) string {
	const noBreak = "\u00a0"
	return l.Number(Plain(a)) + noBreak + a.Asset().Code()
}

// Plain is an amount as software reads it, without the zeros at its end, of which two stay where the asset
// has as many decimals: "100.00".
func Plain(a money.Amount) string {
	text := a.Decimal()
	whole, fraction, _ := strings.Cut(text, ".")
	for len(fraction) > 2 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// Moment writes a time to the minute, in UTC.
func (l Lang) Moment(at time.Time) string {
	w, at := writings[l], at.UTC()
	return fmt.Sprintf("%d%s%s%s%d, %02d:%02d UTC", at.Day(), w.before, w.months[at.Month()-1], w.after, at.Year(), at.Hour(), at.Minute())
}

func moment(l Lang, at time.Time) template.HTML {
	return template.HTML(`<time data-local datetime="` + at.UTC().Format("2006-01-02T15:04:05Z") + `">` + template.HTMLEscapeString(l.Moment(at)) + `</time>`)
}
