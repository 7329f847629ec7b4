package browser_test

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relais/internal/testkit/browser"
)

const csp = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'"

// page answers with a small page that axe has nothing against.
func page(w http.ResponseWriter, head, main string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", csp)
	fmt.Fprintf(w, `<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>Essai</title>%s</head>
<body><main><h1>Essai</h1>%s</main></body></html>`, head, main)
}

const form = `<form method="post" action="/fait">
<p><label for="nom">Nom</label> <input id="nom" name="nom" autocomplete="off" value="avant"></p>
<p><label for="jour">Jour</label> <input id="jour" name="jour" type="date"></p>
<p><label for="duree">Durée</label> <select id="duree" name="duree"><option value="1">un jour</option><option value="31">un mois</option></select></p>
<p><input id="oui" name="oui" type="checkbox" value="1"> <label for="oui">Oui</label></p>
<p><button id="envoyer">Envoyer le formulaire</button></p></form>`

func site(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { page(w, "", form) })
	mux.HandleFunc("POST /fait", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(400 * time.Millisecond) // a slow answer must be waited for
		page(w, `<meta http-equiv="refresh" content="0; url=/suite?`+
			fmt.Sprintf("%s/%s/%s/%s", r.FormValue("nom"), r.FormValue("jour"), r.FormValue("duree"), r.FormValue("oui"))+`">`,
			`<p><a href="/suite">Continuer</a></p>`)
	})
	mux.HandleFunc("GET /suite", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(300 * time.Millisecond)
		http.Redirect(w, r, "/arrivee?"+r.URL.RawQuery, http.StatusSeeOther)
	})
	mux.HandleFunc("GET /arrivee", func(w http.ResponseWriter, r *http.Request) {
		page(w, "", "<p id=recu>"+r.URL.RawQuery+"</p>")
	})
	mux.HandleFunc("GET /fautes", func(w http.ResponseWriter, r *http.Request) {
		page(w, "", `<p><input name="sans"></p><p><img src="x.png"></p><script>document.title = 'scripts'</script>`)
	})
	mux.HandleFunc("GET /temoin", func(w http.ResponseWriter, r *http.Request) {
		seen := "inconnu"
		if c, err := r.Cookie("qui"); err == nil {
			seen = c.Value
		}
		http.SetCookie(w, &http.Cookie{Name: "qui", Value: r.URL.Query().Get("qui"), HttpOnly: true})
		page(w, "", "<p id=qui>"+seen+"</p>")
	})
	mux.HandleFunc("GET /script", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><html lang="fr"><title>Script</title><main id="m">sans</main>
<script>document.getElementById('m').textContent = 'avec ' + matchMedia('(prefers-color-scheme: dark)').matches</script></html>`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestFormAndMetaRefresh(t *testing.T) {
	url := site(t)
	for _, javascript := range []bool{true, false} {
		t.Run(fmt.Sprintf("javascript=%t", javascript), func(t *testing.T) {
			p := browser.Start(t).Person(t, "Camille", browser.Options{JavaScript: javascript})
			p.Open(url)
			p.Fill("#nom", "Lefèvre")
			p.Fill("#jour", "2026-11-21")
			p.Select("#duree", "31")
			p.Check("#oui")
			p.Check("#oui")
			if got := p.Value("#nom"); got != "Lefèvre" {
				t.Errorf("the field holds %q", got)
			}
			p.ClickText("Envoyer le formulaire")
			if got, want := p.Text("#recu"), "Lef%C3%A8vre/2026-11-21/31/1"; got != want {
				t.Errorf("arrived with %q, want %q", got, want)
			}
			if !strings.HasPrefix(p.URL(), url+"/arrivee?") || p.Title() != "Essai" {
				t.Errorf("arrived at %s, « %s »", p.URL(), p.Title())
			}
		})
	}
}

func TestKeyboardOnly(t *testing.T) {
	p := browser.Start(t).Person(t, "Camille", browser.Options{})
	p.Open(site(t))
	p.FocusByTab("#nom", 3)
	p.Press("Martin")
	p.FocusByTab("#oui", 8)
	p.Press("Space")
	p.FocusByTab("#envoyer", 3)
	p.Press("Enter")
	if got, want := p.Text("#recu"), "Martin//1/1"; got != want {
		t.Errorf("arrived with %q, want %q", got, want)
	}
}

func TestPeopleAreApart(t *testing.T) {
	url, b := site(t), browser.Start(t)
	one, two := b.Person(t, "une", browser.Options{}), b.Person(t, "deux", browser.Options{})
	one.Open(url + "/temoin?qui=une")
	two.Open(url + "/temoin?qui=deux")
	one.Open(url + "/temoin?qui=une")
	if got := two.Text("#qui"); got != "inconnu" {
		t.Errorf("the second person was taken for %q", got)
	}
	if got := one.Text("#qui"); got != "une" {
		t.Errorf("the first person was taken for %q", got)
	}
}

func TestOptions(t *testing.T) {
	url, b := site(t), browser.Start(t)
	for want, o := range map[string]browser.Options{
		"sans":       {},
		"avec false": {JavaScript: true},
		"avec true":  {JavaScript: true, Dark: true},
	} {
		p := b.Person(t, want, o)
		p.Open(url + "/script")
		if got := p.Text("#m"); got != want {
			t.Errorf("%+v shows %q, want %q", o, got, want)
		}
		p.Close()
	}
}

func TestAxe(t *testing.T) {
	url, b := site(t), browser.Start(t)
	for _, javascript := range []bool{true, false} {
		p := b.Person(t, "Camille", browser.Options{JavaScript: javascript})
		p.Open(url + "/fautes")
		rules := map[string]bool{}
		for _, v := range p.Axe(t) {
			rules[v.Rule] = v.Target != "" && v.Summary != ""
		}
		if !rules["label"] || !rules["image-alt"] {
			t.Errorf("javascript=%t: axe found %v, want label and image-alt", javascript, rules)
		}
		if p.Title() != "Essai" {
			t.Errorf("javascript=%t: the page's script ran", javascript)
		}
		p.Open(url)
		p.NoViolations()
		p.Narrow()
		p.NoViolations()
		p.NoOverflow()
	}
}

func TestAxeStartsNoScript(t *testing.T) {
	p := browser.Start(t).Person(t, "Camille", browser.Options{})
	p.Open(site(t) + "/script")
	p.Axe(t)
	if got := p.Text("#m"); got != "sans" {
		t.Errorf("after axe the page shows %q: its script ran", got)
	}
	p.Reload()
	if got := p.Text("#m"); got != "sans" {
		t.Errorf("after axe and a reload the page shows %q: scripts stayed on", got)
	}
}

func TestScreenshot(t *testing.T) {
	p := browser.Start(t).Person(t, "Camille", browser.Options{Width: 360, Height: 600})
	p.Open(site(t))
	path := filepath.Join(t.TempDir(), "vues", "essai.png")
	p.Screenshot(path)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if got := picture.Bounds().Dx(); got != 360 || len(raw) > 150_000 {
		t.Errorf("%d pixels wide and %d bytes", got, len(raw))
	}
}

// TestImpossibleActsFail runs acts that no person could do and looks at how
// they fail.
func TestImpossibleActsFail(t *testing.T) {
	url := site(t)
	p := browser.Start(t).Person(t, "Camille", browser.Options{})
	for name, c := range map[string]struct {
		act  func(*browser.Person)
		want string
	}{
		"click nothing":     {func(p *browser.Person) { p.Click("#absent") }, "no such element"},
		"fill nothing":      {func(p *browser.Person) { p.Fill("#absent", "x") }, "no such element"},
		"choose nothing":    {func(p *browser.Person) { p.Select("#duree", "9") }, "no such option"},
		"read nothing":      {func(p *browser.Person) { p.Text("#absent") }, "nothing matches"},
		"see nothing":       {func(p *browser.Person) { p.MustSee("introuvable") }, "does not see"},
		"reach nothing":     {func(p *browser.Person) { p.FocusByTab("#absent", 3) }, "never reach"},
		"leave the machine": {func(p *browser.Person) { p.Open("http://exemple.invalid/") }, "ERR_NAME_NOT_RESOLVED"},
	} {
		t.Run(name, func(t *testing.T) {
			p.In(t).Open(url)
			got := (&recorder{TB: t}).run(func(tb testing.TB) { c.act(p.In(tb)) })
			if !strings.Contains(got, c.want) || !strings.Contains(got, "Camille") || !strings.Contains(got, "address:") {
				t.Errorf("failed with %q, want %q, the person and the page", got, c.want)
			}
		})
	}
}

// recorder is a testing.TB that keeps the failure instead of failing.
type recorder struct {
	testing.TB
	message string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.message = fmt.Sprintf(format, args...)
	panic(r)
}

func (r *recorder) run(f func(testing.TB)) (message string) {
	defer func() {
		message = r.message
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
	}()
	f(r)
	return ""
}
