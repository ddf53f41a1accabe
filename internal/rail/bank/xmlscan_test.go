package bank

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"till/internal/rail"
)

// scanned is what the scanner makes of a file, and what ended it; nil: the file's end.
func scanned(file io.Reader) (list []string, err error) {
	s := newXMLScan(context.Background(), file, 1<<20)
	for {
		token, err := s.next()
		switch {
		case err == io.EOF:
			return list, nil
		case err != nil:
			return list, err
		case token.kind == xmlStart:
			text := "<" + token.name.whole
			for _, a := range token.attrs {
				text += " " + a.name.whole + "=" + a.value
			}
			list = append(list, text)
		case token.kind == xmlEnd:
			list = append(list, "</"+token.name.whole)
		default:
			list = withText(list, string(token.text))
		}
	}
}

// withText adds a text, to the text before it where there is one: what lies between two parts of a text does not count.
func withText(list []string, text string) []string {
	if n := len(list); n > 0 && strings.HasPrefix(list[n-1], "=") {
		list[n-1] += text
		return list
	}
	if text == "" {
		return list
	}
	return append(list, "="+text)
}

func written(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// decodedXML is what encoding/xml makes of a file.
func decodedXML(file []byte) (list []string, err error) {
	d := xml.NewDecoder(bytes.NewReader(file))
	for {
		token, err := d.RawToken()
		switch token := token.(type) {
		case nil:
			if err == io.EOF {
				err = nil
			}
			return list, err
		case xml.StartElement:
			text := "<" + written(token.Name)
			for _, a := range token.Attr {
				text += " " + written(a.Name) + "=" + a.Value
			}
			list = append(list, text)
		case xml.EndElement:
			list = append(list, "</"+written(token.Name))
		case xml.CharData:
			list = withText(list, string(token))
		case xml.Directive:
			return list, errors.New("a directive")
		}
	}
}

// alike holds the scanner against encoding/xml: what both read is the same, what one refuses the other does too. Files in other
// encodings, with a mark, or with what is refused by a bound of ours are left out.
func alike(t *testing.T, file []byte) {
	got, err := scanned(bytes.NewReader(file))
	var bound *rail.FileError
	if errors.As(err, &bound) || bytes.HasPrefix(file, []byte(bom)) || bytes.Contains(file, []byte("encoding")) {
		return
	}
	if err != nil && (strings.Contains(err.Error(), "does not stand at the beginning") || strings.Contains(err.Error(), "unsupported version")) {
		return // it reads a second declaration, and does not look at a version behind a space
	}
	if slowly, again := scanned(iotest.OneByteReader(bytes.NewReader(file))); !slices.Equal(got, slowly) || (err == nil) != (again == nil) {
		t.Errorf("byte by byte %q is %q, %v; at once %q, %v", file, slowly, again, got, err)
	}
	want, wantErr := decodedXML(file)
	if wantErr != nil && strings.Contains(wantErr.Error(), "unsupported version") {
		return // it looks within other words, too
	}
	beyondASCII := func(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 }
	if err == nil && wantErr != nil && (slices.ContainsFunc(got, func(s string) bool { return s[0] == '<' && beyondASCII(s) }) ||
		strings.Contains(wantErr.Error(), "invalid XML name") && beyondASCII(wantErr.Error())) { // of an instruction, which is no token
		return // a name that is no name, of letters beyond ASCII: no element of a bank's has one
	}
	if (err == nil) != (wantErr == nil) || err == nil && !slices.Equal(got, want) {
		t.Errorf("%q is %q, %v; encoding/xml says %q, %v", file, got, err, want, wantErr)
	}
}

var scannedSamples = []string{
	``, ` `, `<a/>`, `<a b="1" c='2'/>`, `<a b = "x>y"></a >`, `<a:b xmlns:a="u"/>`, `<a>&lt;&#65;&#x42;&amp;</a>`, "<a>\r\n\r&#13;\n</a>", `<a><![CDATA[<&]]]]><![CDATA[>]]></a>`,
	`<a><!-- - --></a>`, `<!-- -- -->`, `<!--->`, `<?xml version="1.0"?><a/>`, `<?xml version="1.1"?><a/>`, `<?x y?>`, `<?ܥ?>`, `<a`, `</a>`, `<a b/>`, `<a b=1/>`, `<a b="<"/>`,
	`<a>]]></a>`, `<a>&b;</a>`, `<a>&amp</a>`, `<a>&#xD800;</a>`, `<a>&#0;</a>`, `<a>&#99999999;</a>`, "<a>\x01</a>", "<a>\xff</a>", `<a>é</a>`, `<é/>`, `<:a/>`, `<a:/>`, `<a:b:c/>`,
	`<1/>`, `< a/>`, `<a / >`, `</ a>`, `</a b>`, `<a b="1"c="2"/>`, `<![CDATA[`, `<![CDAT[]]>`, `<!x>`, `<?`, `<??>`, `<a b="&lt;"/>`, `<a b="]]>"/>`, `<a>]]&gt;</a>`, `<a '>'/>`, `<a b='"'/>`,
	`<?xml?><a/>`, `<a/><?xml version="1.0"?>`, `<a b="1" b="2"/>`, `<a>&#x;</a>`, `<a>&#;</a>`, `<a>&;</a>`, `<a><b></a>`, "<a\n\tb\r=\r\n\"1\"\n/>", `<a/ >`, `<a =""/>`,
}

func TestScanIsLikeEncodingXML(t *testing.T) {
	for _, text := range scannedSamples {
		alike(t, []byte(text))
	}
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if text = bytes.Replace(text, []byte(`encoding="UTF-8"`), nil, 1); bytes.Contains(text, []byte("encoding")) {
			continue
		}
		if got, err := scanned(bytes.NewReader(text)); err != nil || len(got) < 10 {
			t.Errorf("%s has %d tokens, %v", name, len(got), err)
		}
		alike(t, text)
	}
}

func FuzzXML(f *testing.F) {
	for _, text := range scannedSamples {
		f.Add([]byte(text))
	}
	f.Add([]byte(entry053))
	f.Fuzz(alike)
}
