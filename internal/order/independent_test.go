package order

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strings"
	"testing"
)

// TestCheckerSharesNoCode: what checks the random sequences takes types and constants of the machine, and no function,
// method, guard, action or row of it. A mistake in one of those would else be its own proof.
func TestCheckerSharesNoCode(t *testing.T) {
	fset := token.NewFileSet()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		file, err := parser.ParseFile(fset, entry.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	used := types.Info{Uses: map[*ast.Ident]types.Object{}}
	unread := types.Config{Importer: noImports{}, Error: func(error) {}} // what other packages declare is not asked
	pkg, _ := unread.Check("order", fset, files, &used)
	fileOf := func(pos token.Pos) string { return fset.Position(pos).Filename }
	seen := 0
	for name, object := range used.Uses {
		if fileOf(name.Pos()) != "check_test.go" || object.Pkg() != pkg || strings.HasSuffix(fileOf(object.Pos()), "_test.go") {
			continue
		}
		seen++
		_, isFunction := object.(*types.Func)
		variable, isVariable := object.(*types.Var)
		if isFunction || isVariable && !variable.IsField() {
			t.Errorf("%s: %s of %s is the machine's own", fset.Position(name.Pos()), name.Name, fileOf(object.Pos()))
		}
	}
	if seen < 100 {
		t.Errorf("only %d uses of the machine's types were found", seen)
	}
}

// noImports finds no package.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not read") }
