package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var (
	typedBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	typedWord  = regexp.MustCompile(`'[^']*'|"(?:\\.|[^"\\])*"|[^\s'"]+`)
	typedEnd   = regexp.MustCompile(`^(\||&&|;|#|\)|>)`)
)

// Every command that a page says to type is one of the program's, with arguments and flags that it takes.
func TestCommandsOfThePages(t *testing.T) {
	commands := 0
	check := func(path string) {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range typedBlock.FindAllStringSubmatch(string(page), -1) {
			for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
				args := typed(line)
				if args == nil {
					continue
				}
				commands++
				if err := parses(t, args); err != nil {
					t.Errorf("%s: till %s: %v", path, strings.Join(args, " "), err)
				}
			}
		}
	}
	root := filepath.Join("..", "..")
	check(filepath.Join(root, "README.md"))
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			check(path)
		}
		return err
	})
	if err != nil || commands < 40 {
		t.Errorf("%d commands (%v)", commands, err)
	}
	for _, wrong := range []string{"till key lst", "till key rotate", "till verify --no-such-flag", "till order get ORDER more"} {
		if parses(t, typed(wrong)) == nil {
			t.Errorf("%s is taken for one", wrong)
		}
	}
}

// typed is what a line of shell calls the program with; nil: it does not.
func typed(line string) (args []string) {
	words := typedWord.FindAllString(line, -1)
	for i, word := range words {
		if word != "till" && !strings.HasSuffix(word, "(till") || i+1 == len(words) {
			continue
		}
		for _, arg := range words[i+1:] {
			if typedEnd.MatchString(arg) {
				break
			}
			last := strings.HasSuffix(arg, ";") || strings.HasSuffix(arg, ")")
			args = append(args, strings.Trim(strings.TrimRight(arg, ";)"), `'"`))
			if last {
				break
			}
		}
		return args
	}
	return nil
}

func parses(t *testing.T, args []string) error {
	t.Helper()
	anyFile := kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error { // the pages' files are on no disk here
		var file string
		err := ctx.Scan.PopValueInto("file", &file)
		if target.Kind() == reflect.Slice {
			target.Set(reflect.Append(target, reflect.ValueOf(file)))
			return err
		}
		target.SetString(file)
		return err
	})
	parser, err := kong.New(&commands{}, kong.Name("till"), kong.Exit(func(int) {}), kong.NamedMapper("existingfile", anyFile))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return err
}
