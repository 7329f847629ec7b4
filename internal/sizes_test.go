package internal_test

import (
	"go/ast"
	"strings"
	"testing"
)

// What may never be exceeded, in lines. The aims are half of it: a function of
// 25, a file of 200.
const (
	functionMax = 60
	fileMax     = 400
)

func TestSizes(t *testing.T) {
	for _, f := range sources(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		if n := f.fset.File(f.ast.Pos()).LineCount(); n > fileMax {
			t.Errorf("%s has %d lines, at most %d", f.path, n, fileMax)
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			first, last := f.fset.Position(fn.Pos()).Line, f.fset.Position(fn.End()).Line
			if n := last - first + 1; n > functionMax {
				t.Errorf("%s:%d: %s has %d lines, at most %d", f.path, first, fn.Name.Name, n, functionMax)
			}
		}
	}
}

// TestPackageComments wants every package to say what it is.
func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range sources(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		documented[f.pkg] = documented[f.pkg] || f.ast.Doc != nil
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}
