// Package page is the kit that every page of the server is made with: one layout and stylesheet, a little
// JavaScript that no page needs to work, three languages, strict security headers, forms that other sites
// cannot send, QR codes, and parts of a page that stay up to date while it is looked at.
//
// It is not a page itself and knows no order, no person and no route but that of its own files: those belong
// to the faces (internal/checkout and its kind). Everything is embedded; nothing is fetched from elsewhere.
//
// A face embeds a folder "html" of templates and a folder "texts" of messages and hands both to [Kit.Pages].
// Each template defines "title" and "main", and perhaps "head", "class" and "live" (see html/layout.html).
// Next to read: texts.go for the messages, headers.go for what a browser is told, stream.go for live parts,
// pagetest for how a page is tested in a real browser.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"till/internal/money"
)

//go:embed html texts static
var files embed.FS

// Config is what the kit works with.
type Config struct {
	PublicURL string // where browsers reach the server, without a slash at the end; empty: where it listens
	Log       *slog.Logger
}

// Kit makes pages. Safe for concurrent use.
type Kit struct {
	base   string // the path of the public URL, which a proxy takes off
	assets map[string]asset
	cross  *http.CrossOriginProtection
	own    *Pages
	log    *slog.Logger
}

// New makes a kit. Its errors are mistakes in the program or in the public URL.
func New(c Config) (*Kit, error) {
	public, err := url.Parse(c.PublicURL)
	if err != nil {
		return nil, err
	}
	k := &Kit{base: strings.TrimSuffix(public.EscapedPath(), "/"), cross: http.NewCrossOriginProtection(), log: c.Log}
	if c.PublicURL != "" {
		if err := k.cross.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
			return nil, err
		}
	}
	if k.assets, err = readAssets(files); err != nil {
		return nil, err
	}
	k.own, err = k.Pages(files)
	return k, err
}

// Pages are the pages of one face.
type Pages struct {
	kit   *Kit
	texts Texts
	pages map[string]map[Lang]*template.Template // by the file's name without its end
}

// Pages reads the templates in "html" and the messages in "texts". A template may use the functions
//
//	t "key" "name" value ...   a message in the reader's language, with its placeholders filled
//	amount a                   money.Amount with its code; number "1234.50" for a plain decimal
//	moment t                   a time.Time as <time>, in UTC and, with JavaScript, in the reader's own zone
//	asset "style.css"          the URL of one of the kit's files
//	path "/login"              the URL of a path of this server
//	lang                       the language, for the attribute of that name
//	qr text label              a QR code as inline SVG
//
// It fails on a template that cannot be read or names a message that does not exist, and on languages that do
// not have the same messages.
func (k *Kit) Pages(from fs.FS) (*Pages, error) {
	texts, err := ReadTexts(from)
	if err != nil {
		return nil, err
	}
	p := &Pages{kit: k, texts: texts, pages: map[string]map[Lang]*template.Template{}}
	names, err := fs.Glob(from, "html/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if path.Base(name) == layout && from == fs.FS(files) {
			continue
		}
		if err := p.read(from, name); err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
	}
	return p, nil
}

const layout = "layout.html"

func (p *Pages) read(from fs.FS, name string) error {
	outer, err := fs.ReadFile(files, "html/"+layout)
	if err != nil {
		return err
	}
	inner, err := fs.ReadFile(from, name)
	if err != nil {
		return err
	}
	if err := p.texts.checkUses(string(inner)); err != nil {
		return err
	}
	byLang := map[Lang]*template.Template{}
	for _, l := range Languages() {
		t := template.New(layout).Funcs(p.functions(l)).Option("missingkey=error")
		if t, err = t.Parse(string(outer)); err != nil {
			return err
		}
		if t, err = t.Parse(string(inner)); err != nil {
			return err
		}
		byLang[l] = t
	}
	p.pages[strings.TrimSuffix(path.Base(name), ".html")] = byLang
	return nil
}

func (p *Pages) functions(l Lang) template.FuncMap {
	own := p.texts
	if p.kit.own != nil { // the layout's messages are the kit's
		own = p.kit.own.texts
	}
	return template.FuncMap{
		"t":      func(key string, args ...any) (string, error) { return p.texts.fill(l, key, args) },
		"kit":    func(key string) (string, error) { return own.fill(l, key, nil) },
		"amount": func(a money.Amount) string { return l.Amount(a) },
		"number": func(decimal string) string { return l.Number(decimal) },
		"moment": func(at time.Time) template.HTML { return moment(l, at) },
		"asset":  p.kit.assetURL,
		"path":   p.kit.Path,
		"lang":   func() string { return string(l) },
		"qr":     qrSVG,
	}
}

// frame is what the layout shows around a page.
type frame struct {
	Lang  Lang
	Langs []choice
	Data  any
}

// choice is a language to change to.
type choice struct {
	Lang Lang
	Name string // in itself
	URL  string
	Here bool
}

// Write answers with a page in the reader's language. A page that cannot be made is a programming error: it
// panics before anything was written, so that the face's recovery answers.
func (p *Pages) Write(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	l := LangOf(r)
	f := frame{Lang: l, Data: data}
	for _, other := range Languages() {
		query := r.URL.Query()
		query.Set("lang", string(other))
		f.Langs = append(f.Langs, choice{Lang: other, Name: other.Name(), URL: "?" + query.Encode(), Here: other == l})
	}
	body := p.make(l, name, layout, f)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(l))
	w.Header().Add("Vary", "Accept-Language")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body) // an error here means that the reader has left
	}
}

// Live makes the template "live" of a page alone: what changes while the page is looked at.
func (p *Pages) Live(l Lang, name string, data any) []byte { return p.make(l, name, "live", data) }

func (p *Pages) make(l Lang, name, part string, data any) []byte {
	t, ok := p.pages[name]
	if !ok {
		panic("page: there is no page " + name)
	}
	var body bytes.Buffer
	if err := t[l].ExecuteTemplate(&body, part, data); err != nil {
		panic("page: " + err.Error())
	}
	return body.Bytes()
}

// Path is the URL of a path of this server, which begins with a slash: behind what a proxy takes off in front.
func (k *Kit) Path(path string) string { return k.base + path }

// Text is a message of the face's in a language; args are pairs of a placeholder's name and its value.
func (p *Pages) Text(l Lang, key string, args ...any) string {
	text, err := p.texts.fill(l, key, args)
	if err != nil {
		panic("page: " + err.Error())
	}
	return text
}

// notice is a page that only says something.
type notice struct{ Key string }

// NotFound says that there is no such page.
func (k *Kit) NotFound(w http.ResponseWriter, r *http.Request) {
	k.own.Write(w, r, http.StatusNotFound, "notice", notice{"notfound"})
}

// Refused says that a form came from another site, or from a page that was left open for too long.
func (k *Kit) Refused(w http.ResponseWriter, r *http.Request) {
	k.own.Write(w, r, http.StatusForbidden, "notice", notice{"refused"})
}

// Busy says that too many ask at once, and to come back.
func (k *Kit) Busy(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "5")
	k.own.Write(w, r, http.StatusTooManyRequests, "notice", notice{"busy"})
}

// Failed says that something went wrong here. It says nothing of what.
func (k *Kit) Failed(w http.ResponseWriter, r *http.Request) {
	k.own.Write(w, r, http.StatusInternalServerError, "notice", notice{"failed"})
}
