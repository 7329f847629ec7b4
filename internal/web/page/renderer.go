package page

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrUnknownPage is returned for a name without a template.
var ErrUnknownPage = errors.New("no such page template")

// Options are the renderer's settings; the zero value works.
type Options struct {
	Demo  bool             // shows the ribbon « Démonstration – données fictives »
	Theme string           // address of the operator's style sheet, "" = none
	Log   *slog.Logger     // nil = slog.Default()
	Now   func() time.Time // nil = time.Now
	Zone  *time.Location   // for times given in UTC; nil = Europe/Paris
}

// frameName is the template by which every page is executed.
const frameName = "layout.html"

// Renderer holds every page's parsed templates. It is safe for concurrent use.
type Renderer struct {
	pages   map[string]*template.Template
	opts    Options
	buffers *sync.Pool // of *bytes.Buffer: a page outgrows a new one four times
}

// New parses every template below templates/ of fsys, once. The layout and the
// components belong to every page; a file _name.html belongs to all pages of
// its folder.
func New(fsys fs.FS, opts Options) (*Renderer, error) {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Zone == nil {
		paris, err := time.LoadLocation("Europe/Paris")
		if err != nil {
			return nil, fmt.Errorf("time zone of the pages: %w", err)
		}
		opts.Zone = paris
	}
	assets, err := hashAssets(fsys)
	if err != nil {
		return nil, err
	}
	functions := funcs(opts.Zone, assets)
	base, err := template.New(frameName).Funcs(functions).
		ParseFS(fsys, "templates/layout.html", "templates/components/*.html")
	if err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	pages, err := parsePages(fsys, base, functions)
	if err != nil {
		return nil, err
	}
	return &Renderer{pages: pages, opts: opts, buffers: &sync.Pool{New: func() any { return new(bytes.Buffer) }}}, nil
}

// parsePages gives each page a template set of its own, so that every one may
// define "main".
func parsePages(fsys fs.FS, base *template.Template, functions template.FuncMap) (map[string]*template.Template, error) {
	pages := map[string]*template.Template{}
	err := fs.WalkDir(fsys, "templates", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !isPage(file, entry) {
			return err
		}
		set, err := base.Clone()
		if err != nil {
			return fmt.Errorf("page %s: %w", file, err)
		}
		partials, err := fs.Glob(fsys, path.Dir(file)+"/_*.html")
		if err != nil {
			return fmt.Errorf("page %s: %w", file, err)
		}
		if _, err := set.ParseFS(fsys, append(partials, file)...); err != nil {
			return fmt.Errorf("page %s: %w", file, err)
		}
		if set.Lookup("main") == nil {
			return fmt.Errorf("page %s: it does not define \"main\"", file)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(file, "templates/"), ".html")
		pages[name], err = pruned(set, functions)
		return err
	})
	return pages, err
}

func isPage(file string, entry fs.DirEntry) bool {
	return !entry.IsDir() &&
		path.Ext(file) == ".html" &&
		file != "templates/layout.html" &&
		path.Dir(file) != "templates/components" &&
		!strings.HasPrefix(entry.Name(), "_")
}

// Names lists every page, for tests that render them all.
func (r *Renderer) Names() []string {
	names := make([]string, 0, len(r.pages))
	for name := range r.pages {
		names = append(names, name)
	}
	return names
}

// Render writes the page whole: on an error nothing has been sent, and the
// caller can still answer with an error page. Pages are not to be stored by
// caches unless the caller has set Cache-Control before.
func (r *Renderer) Render(w http.ResponseWriter, status int, name string, data any) error {
	framed, ok := data.(Framed)
	if !ok {
		return fmt.Errorf("page %s: %T is not a pointer to a struct that embeds page.Layout", name, data)
	}
	r.fill(framed.Frame())
	return r.execute(w, status, name, data)
}

// fill adds what the renderer knows and pages do not.
func (r *Renderer) fill(frame *Layout) {
	frame.Demo = r.opts.Demo
	frame.Theme = r.opts.Theme
	if frame.Session == nil || !frame.Session.Ends.IsZero() {
		return
	}
	clock := *frame.Session
	clock.Ends = r.opts.Now().Add(time.Duration(clock.IdleSeconds) * time.Second).In(r.opts.Zone)
	frame.Session = &clock
}

func (r *Renderer) execute(w http.ResponseWriter, status int, name string, data any) error {
	set, ok := r.pages[name]
	if !ok {
		return fmt.Errorf("page %q: %w", name, ErrUnknownPage)
	}
	body := r.buffers.Get().(*bytes.Buffer)
	defer r.buffers.Put(body)
	body.Reset()
	if err := set.ExecuteTemplate(body, frameName, data); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	if _, err := w.Write(body.Bytes()); err != nil {
		// The browser has gone; there is nobody left to tell.
		r.opts.Log.Debug("page not fully sent", "page", name, "error", err)
	}
	return nil
}

// leavePage is the data of public/depart.
type leavePage struct {
	Layout
	To       string
	LinkText string
}

// Leave answers a POST whose outcome lies on another origin: a page with a
// refresh of zero seconds and a visible link. A redirect would not do, because
// Chromium applies form-action to the whole chain of redirects.
func (r *Renderer) Leave(w http.ResponseWriter, to string, title, linkText string) error {
	if !strings.HasPrefix(to, "https://") && !strings.HasPrefix(to, "http://") && !strings.HasPrefix(to, "/") {
		return fmt.Errorf("leave: the address is neither http, https nor a path")
	}
	data := &leavePage{Layout: Layout{Title: title}, To: to, LinkText: linkText}
	return r.Render(w, http.StatusOK, "public/depart", data)
}
