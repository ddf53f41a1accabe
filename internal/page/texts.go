package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Texts are the messages of a face by language and key. A message is plain text, never HTML; {name} in it is a
// placeholder.
type Texts map[Lang]map[string]string

// placeholder is a name in braces.
var placeholder = regexp.MustCompile(`\{([a-z]+)\}`)

// ReadTexts reads texts/en.json, es.json and pt.json, each an object of texts by key. It fails unless all
// languages have the same keys, and each message the same placeholders everywhere and some text.
func ReadTexts(from fs.FS) (Texts, error) {
	texts := Texts{}
	for _, l := range Languages() {
		raw, err := fs.ReadFile(from, "texts/"+string(l)+".json")
		if err != nil {
			return nil, err
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		var list map[string]string
		if err := decoder.Decode(&list); err != nil {
			return nil, fmt.Errorf("texts/%s.json: %w", l, err)
		}
		texts[l] = list
	}
	return texts, texts.check()
}

func (x Texts) check() error {
	first := Languages()[0]
	for _, l := range Languages() {
		for _, key := range slices.Sorted(maps.Keys(x[first])) {
			if strings.TrimSpace(x[l][key]) == "" {
				return fmt.Errorf("the message %s has no text in %s", key, l)
			}
			if want, got := placeholders(x[first][key]), placeholders(x[l][key]); !slices.Equal(want, got) {
				return fmt.Errorf("the message %s has the placeholders %v in %s and %v in %s", key, want, first, got, l)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(x[l])) {
			if _, ok := x[first][key]; !ok {
				return fmt.Errorf("the message %s is in %s only", key, l)
			}
		}
	}
	return nil
}

// placeholders are the names in a text, each once, sorted.
func placeholders(text string) []string {
	names := []string{}
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// use is a message that a template asks for by its name.
var use = regexp.MustCompile(`\bt "([^"]*)"`)

// checkUses finds a message that a template names and that does not exist.
func (x Texts) checkUses(template string) error {
	for _, m := range use.FindAllStringSubmatch(template, -1) {
		if _, ok := x[Languages()[0]][m[1]]; !ok {
			return fmt.Errorf("there is no message %s", m[1])
		}
	}
	return nil
}

// fill is a message with its placeholders filled; args are pairs of name and value. Every placeholder needs a
// value, and every value a placeholder.
func (x Texts) fill(l Lang, key string, args []any) (string, error) {
	text, ok := x[l][key]
	if !ok {
		return "", fmt.Errorf("there is no message %q in %s", key, l)
	}
	if len(args)%2 != 0 {
		return "", fmt.Errorf("the message %s is given a name without a value", key)
	}
	values := map[string]string{}
	for i := 0; i < len(args); i += 2 {
		values[fmt.Sprint(args[i])] = fmt.Sprint(args[i+1])
	}
	if want, got := placeholders(text), slices.Sorted(maps.Keys(values)); !slices.Equal(want, got) {
		return "", fmt.Errorf("the message %s has the placeholders %v and is given %v", key, want, got)
	}
	return placeholder.ReplaceAllStringFunc(text, func(m string) string { return values[m[1:len(m)-1]] }), nil
}

// Fill is a message in a language; args are pairs of a placeholder's name and its value, each needed and each used. It is for
// faces that are no pages.
func (x Texts) Fill(l Lang, key string, args ...any) (string, error) { return x.fill(l, key, args) }
