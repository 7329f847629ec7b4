// Package internal_test holds what is true of the whole house: who may know
// whom, and how large a thing may grow. Standard library only.
package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The plan. Imports run one way: nouns ← adapters ← desks ← cmd. Paths are
// relative to the module; a package that does not exist yet breaks nothing, a
// package that is not here breaks the build, so that every new one gets its
// place by a decision.
var (
	// nouns hold the rules, without I/O.
	nouns = []string{
		"internal/identite",     // identité pivot
		"internal/domaine",      // the ten domaines and their démarches
		"internal/journal",      // facts, entries, Merkle tree, proofs
		"internal/organisation", // the structure
		"internal/signal",       // what in the journal is worth a second look
		"internal/usager",
		"internal/aidant",
		"internal/facteur",      // what an agent proves themselves with
		"internal/habilitation", // admission of structures and aidants
		"internal/mandat",       // the mandat and its autorisations
		"internal/acte",         // the written mandat
		"internal/delegation",   // one delegated login: choice, code, tokens
		"internal/preuve",       // the evidence file: build and verify
		"internal/mission",      // the written order of an auditeur
		"internal/revue",        // an auditeur's review of entries drawn at random
		"internal/recherche",    // an auditeur's saved search
		"internal/debit",        // how often somebody may be refused before they wait
	}
	// adapters each know one outside thing.
	adapters = []string{
		"internal/config",     // the environment
		"internal/coffre",     // encryption of personal data
		"internal/store",      // SQLite and PostgreSQL
		"internal/login",      // relying party to ProConnect and FranceConnect
		"internal/passkey",    // WebAuthn, towards browsers
		"internal/session",    // who sits at this browser
		"internal/provider",   // OpenID Provider towards the hub
		"internal/notify",     // mail, SMS, outbox
		"internal/sandbox",    // the fictional peers
		"internal/scellement", // signing the journal, its witnesses and its time authority
		"internal/temoin",     // a witness of somebody else's journal
	}
	// desks serve one kind of person each.
	desks = []string{
		"internal/web/guichet",        // the aidant's counter
		"internal/web/agir",           // the use of a mandat at a public service
		"internal/web/compte",         // login, logout, my sessions
		"internal/web/monespace",      // the usager
		"internal/web/structure",      // the référent
		"internal/web/controle",       // the auditeur
		"internal/web/administration", // the administrateur
		"internal/web/api",            // machines
		"internal/web/publication",    // the journal's hashes, for anyone
	}
	// shared are rooms between desks, without routes.
	shared = []string{
		"internal/web/redaction", // the text of a mandat, composed
		"internal/web/agents",    // the page of one agent
		"internal/web/facteurs",  // an agent proves who they are by a factor of their own
	}
	// assets are files that the binary carries, and nothing else.
	assets = []string{"sql", "ui", "ui/actes", "testdata"}
)

const (
	routes = "internal/web"      // the whole route table; knows every desk
	page   = "internal/web/page" // what every page uses
	desk   = "internal/web/desk" // what desks and routes agree on: route, access, visit
	store  = "internal/store"
	cmd    = "cmd/relais" // the only one that names store and web together
)

// knows says which packages of the house each package may import.
func knows(pkg string) []string {
	switch {
	case pkg == "internal/acte":
		return append(slices.Clone(nouns), "ui/actes") // the dated texts of mandats
	case slices.Contains(nouns, pkg):
		return nouns
	case pkg == store:
		return append(slices.Clone(nouns), "sql")
	case pkg == "internal/sandbox":
		return append(slices.Clone(nouns), "testdata")
	case slices.Contains(adapters, pkg):
		return nouns
	case pkg == page:
		return append(behindDesks(), "ui")
	case pkg == desk:
		return append(behindDesks(), page)
	case slices.Contains(shared, pkg):
		return append(behindDesks(), page, desk)
	case slices.Contains(desks, pkg):
		return append(append(behindDesks(), page, desk, "ui"), shared...)
	case pkg == routes:
		return append(append(behindDesks(), page, desk, "ui"), desks...)
	case pkg == cmd:
		all := slices.Concat(nouns, adapters, desks, shared, assets)
		return append(all, routes, page, desk)
	case pkg == testkit+"pagecheck":
		return []string{page, desk, "ui"}
	}
	return nil
}

// behindDesks is what a desk may stand on: the store reaches it through
// interfaces of its own, and the sandbox is nobody's business.
func behindDesks() []string {
	return slices.DeleteFunc(slices.Concat(nouns, adapters), func(p string) bool {
		return p == store || p == "internal/sandbox"
	})
}

// testkit is for tests only: no other code may import it.
const testkit = "internal/testkit/"

// reserved are the imports from outside that belong to certain packages only.
// A name ending in / stands for everything below it.
var reserved = map[string][]string{
	"database/sql":                         {store},
	"github.com/jmoiron/sqlx":              {store},
	"github.com/jackc/pgx/":                {store},
	"github.com/mattn/go-sqlite3":          {store},
	"github.com/pressly/goose/":            {store},
	"github.com/luikyv/go-oidc/":           {"internal/provider"},
	"github.com/coreos/go-oidc/":           {"internal/login"}, // not the sandbox: it checks with code of its own
	"golang.org/x/oauth2":                  {"internal/login"},
	"github.com/gorilla/sessions":          {"internal/session"},
	"github.com/go-webauthn/":              {"internal/passkey"},
	"github.com/pquerna/otp/":              {"internal/facteur"},
	"github.com/gorilla/securecookie":      {"internal/session"},
	"github.com/tink-crypto/tink-go/":      {"internal/coffre"},
	"github.com/chromedp/":                 {testkit},
	"github.com/prometheus/client_golang/": append(slices.Concat(adapters, desks, shared), routes, page, desk, cmd),
	"html/template":                        append(slices.Clone(desks), routes, page, desk, "internal/sandbox", "internal/provider", "ui"),
	"net/http":                             append(slices.Concat(adapters, desks, shared), routes, page, desk, cmd, testkit),
	"net":                                  append(slices.Concat(adapters, desks, shared), routes, page, desk, cmd, testkit),
	"os":                                   append(slices.Clone(adapters), cmd, testkit, "testdata"),
	"os/exec":                              {testkit},
	"unsafe":                               {},
	"testing":                              {testkit},
}

func TestLayers(t *testing.T) {
	for _, f := range sources(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			continue // tests join what the house keeps apart
		}
		if !placed(f.pkg) {
			t.Errorf("%s: package %s has no place in the plan (internal/layers_test.go)", f.path, f.pkg)
			continue
		}
		for _, imp := range f.ast.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if why := refuse(f.pkg, name); why != "" {
				t.Errorf("%s imports %s: %s", f.path, name, why)
			}
		}
	}
}

func placed(pkg string) bool {
	return slices.Contains([]string{routes, page, desk, cmd}, pkg) || strings.HasPrefix(pkg, testkit) ||
		slices.Contains(slices.Concat(nouns, adapters, desks, shared, assets), pkg)
}

// refuse tells why pkg may not import name, and nothing when it may.
func refuse(pkg, name string) string {
	if local, ok := strings.CutPrefix(name, "relais/"); ok {
		switch {
		case slices.Contains(knows(pkg), local):
			return ""
		case strings.HasPrefix(local, testkit) && strings.HasPrefix(pkg, testkit):
			return ""
		case strings.HasPrefix(local, testkit):
			return "only tests may"
		}
		return "imports run nouns ← adapters ← desks ← cmd, and never sideways"
	}
	for what, owners := range reserved {
		if what != name && !(strings.HasSuffix(what, "/") && strings.HasPrefix(name+"/", what)) {
			continue
		}
		if !slices.ContainsFunc(owners, func(o string) bool {
			return o == pkg || strings.HasSuffix(o, "/") && strings.HasPrefix(pkg, o)
		}) {
			return "it belongs to " + strings.Join(owners, ", ")
		}
	}
	return ""
}

// TestOnlyNounsMakeFacts keeps the keystone: a journal fact comes out of a
// transition, and a transition lives in a noun.
func TestOnlyNounsMakeFacts(t *testing.T) {
	forbid(t, nouns, "only a noun's transition makes a fact", func(call *ast.SelectorExpr) bool {
		x, ok := call.X.(*ast.Ident)
		return ok && x.Name == "journal" && call.Sel.Name == "NewFact"
	})
}

// TestOnlyStoreExecutes keeps every statement behind one package.
func TestOnlyStoreExecutes(t *testing.T) {
	names := []string{"Exec", "ExecContext", "MustExec", "MustExecContext", "NamedExec", "NamedExecContext", "Queryx", "QueryxContext"}
	forbid(t, []string{store, testkit + "pgtest"}, "statements are the store's", func(call *ast.SelectorExpr) bool {
		return slices.Contains(names, call.Sel.Name)
	})
}

// forbid reports calls that match outside the packages allowed and their tests.
func forbid(t *testing.T, allowed []string, why string, match func(*ast.SelectorExpr) bool) {
	t.Helper()
	for _, f := range sources(t) {
		if strings.HasSuffix(f.path, "_test.go") || slices.Contains(allowed, f.pkg) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok && match(sel) {
					t.Errorf("%s calls %s: %s", f.fset.Position(call.Pos()), sel.Sel.Name, why)
				}
			}
			return true
		})
	}
}

// TestTheRulesBite makes sure that the plan refuses what it is there to refuse.
func TestTheRulesBite(t *testing.T) {
	for _, c := range [][2]string{
		{"internal/mandat", "net/http"}, {"internal/mandat", "database/sql"}, {"internal/mandat", "relais/internal/store"},
		{"internal/acte", "html/template"}, {"internal/login", "relais/internal/session"}, {"internal/web/guichet", "relais/internal/store"},
		{"internal/web/guichet", "relais/internal/web/controle"}, {"internal/web", "relais/internal/store"},
		{"internal/sandbox", "relais/internal/provider"}, {"internal/sandbox", "github.com/coreos/go-oidc/v3/oidc"},
		{"internal/session", "github.com/jmoiron/sqlx"}, {"cmd/relais", "github.com/jackc/pgx/v5/stdlib"},
		{"cmd/relais", "relais/internal/testkit/pgtest"}, {"internal/store", "relais/internal/coffre"},
	} {
		if refuse(c[0], c[1]) == "" {
			t.Errorf("%s may import %s", c[0], c[1])
		}
	}
	for _, c := range [][2]string{
		{"internal/mandat", "relais/internal/journal"}, {"internal/store", "relais/sql"}, {"internal/store", "github.com/jackc/pgx/v5/stdlib"},
		{"internal/web/guichet", "relais/internal/web/page"}, {"internal/web", "relais/internal/web/guichet"},
		{"cmd/relais", "relais/internal/store"}, {"cmd/relais", "relais/internal/web"}, {"internal/login", "golang.org/x/oauth2"},
	} {
		if why := refuse(c[0], c[1]); why != "" {
			t.Errorf("%s may not import %s: %s", c[0], c[1], why)
		}
	}
}

// source is one Go file of the house.
type source struct {
	path string // relative to the module
	pkg  string // its folder, relative to the module
	ast  *ast.File
	fset *token.FileSet
}

// sources parses every Go file of the module, tests included.
func sources(t *testing.T) []source {
	t.Helper()
	const root = ".."
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{path: rel, pkg: path.Dir(rel), ast: parsed, fset: fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
