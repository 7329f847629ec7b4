package controle_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"relais/internal/journal"
	"relais/internal/preuve"
	"relais/internal/scellement"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/desk"
)

func (h *house) Make(_ context.Context, r scellement.Request) (*scellement.Finished, error) {
	h.request = r
	if h.during != nil {
		h.during()
	}
	if h.exportErr != nil {
		return nil, h.exportErr
	}
	if r.Since != nil && !strings.HasPrefix(string(r.Since), "relais.example\n") {
		return nil, journal.ErrCheckpoint
	}
	f, err := os.CreateTemp(h.dir, "")
	if err == nil {
		_, err = io.WriteString(f, "contenu")
	}
	return &scellement.Finished{File: f, Size: 7, Index: 41, Count: 3}, err
}

func (h *house) Failed(context.Context, scellement.Request, *scellement.Finished) error {
	h.failed++
	return nil
}

func TestExportPage(t *testing.T) {
	h, routes, v := newDesk(t)
	h.dir = t.TempDir()
	h.add(t, 1)
	h.add(t, 2)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/mandats/mandat-un", nil, 200), "/controle/exporter?mandat=mandat-un")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/entrees/1", nil, 200), "/controle/exporter?entree=1")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle?action=mandat.print", nil, 200), "/controle/exporter?action=mandat.print")
	pagecheck.MustHide(t, pagecheck.Read(t, routes, v, "GET", "/controle", nil, 200), "/controle/exporter")
	for path, says := range map[string]string{"mandat=mandat-un": "aucune de ce mandat", "entree=1": "à ce rang", "action=mandat.print": "ne pourra pas montrer",
		"du-jour=1&du-mois=11&du-annee=2026": "aucune entre la première et la dernière"} {
		body := pagecheck.Read(t, routes, v, "GET", "/controle/exporter?"+path, nil, 200)
		pagecheck.MustShow(t, body, says, "OM 17", "Aude Iteuse")
		pagecheck.Read(t, routes, v, "POST", "/controle/exporter?"+path, url.Values{"format": {"exe"}}, 422)
		pagecheck.Read(t, routes, v, "POST", "/controle/exporter?"+path, url.Values{"format": {"preuve"}, "since": {"n’importe quoi\x00"}}, 422)
		pagecheck.Read(t, routes, v, "POST", "/controle/exporter?"+path, url.Values{"format": {"preuve"}, "since": {strings.Repeat("a", 65<<10)}}, 422)
	}
	body := pagecheck.Read(t, routes, v, "GET", "/controle/exporter?structure=ccas&domaine=logement&mandat=mandat-un&acteur="+order.Label(agentID), nil, 200)
	pagecheck.MustShow(t, body, "CCAS ", "Logement", order.Label(agentID), "référence")
	pagecheck.MustHide(t, body, agentID)
	for _, path := range []string{"", "?entree=9", "?entree=-1", "?entree=x%00", "?action=rien", "?mandat=autre", "?mandat=XXXXXXXXXXXX"} {
		var p *desk.Problem
		if _, err := pagecheck.Serve(t, routes, v, "GET", "/controle/exporter"+path, nil); !errors.As(err, &p) || p.Status != http.StatusNotFound {
			t.Errorf("%s: %v", path, err)
		}
	}
	var nothing *desk.Problem
	if _, err := pagecheck.Serve(t, routes, v, "GET", "/controle/exporter?mandat=XXXXXXXXXXXX", nil); !errors.As(err, &nothing) || !strings.Contains(nothing.Text, "« XXXXXXXXXXXX », inconnu dans cette mission") {
		t.Errorf("an unknown number: %v", err)
	}
	if h.exportErr == nil && h.failed != 0 {
		t.Error("a delivery failed")
	}
}

func TestExportDownload(t *testing.T) {
	h, routes, v := newDesk(t)
	h.dir = t.TempDir()
	h.add(t, 1)
	for form, kind := range map[string]string{"preuve": "application/zip", "csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"} {
		w, err := pagecheck.Serve(t, routes, v, "POST", "/controle/exporter?mandat=mandat-un&issue=ok&acteur="+order.Label(agentID),
			url.Values{"format": {form}, "since": {"relais.example\r\n1\r\nx\r\n"}})
		if err != nil || w.Code != 200 || w.Body.String() != "contenu" || w.Header().Get("Content-Type") != kind {
			t.Errorf("%s: %d %q %v %v", form, w.Code, w.Body, w.Header(), err)
		}
		if got := w.Header().Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="relais-export-entree-41.`) || strings.Contains(got, "Aude") {
			t.Errorf("%s: %q", form, got)
		}
	}
	r := h.request
	if string(r.Since) != "relais.example\n1\nx\n" || r.Filter.Actor != order.Label(agentID) || r.Find.Actor != agentID || r.Filter.Complete() != preuve.Partial || r.Max == 0 {
		t.Errorf("asked %+v", r)
	}
	if name, err := r.Names(journal.Actor{Type: journal.ActorAidant, Ref: agentID}); err != nil || name != order.Label(agentID) {
		t.Errorf("a CSV calls the agent %q, %v", name, err)
	}
	h.facets.Structure = "ccas"
	inside := v
	within := order
	within.Scope.Structure = "ccas"
	inside.Mission = &within
	if _, err := pagecheck.Serve(t, routes, inside, "POST", "/controle/exporter?mandat=mandat-un", url.Values{"format": {"preuve"}}); err != nil || h.request.Filter.Complete() != preuve.OneMandat {
		t.Errorf("a mandat of the scope: %+v, %v", h.request.Filter, err)
	}
	if _, err := pagecheck.Serve(t, routes, inside, "POST", "/controle/exporter?action=mandat.print", url.Values{"format": {"preuve"}}); err != nil || h.request.Find.Scope.Structure != "ccas" || h.request.Filter.Structure != "ccas" {
		t.Errorf("a search in the scope: %+v, %v", h.request, err)
	}
	h.facets.Departement = "99"
	around := order
	around.Scope.Departement = "99"
	wide := v
	wide.Mission = &around
	if _, err := pagecheck.Serve(t, routes, wide, "POST", "/controle/exporter?mandat=mandat-un", url.Values{"format": {"preuve"}}); err != nil || h.request.Filter.Complete() != preuve.OneMandat {
		t.Errorf("a mandat of the département: %+v, %v", h.request.Filter, err)
	}
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/controle/exporter?mandat=mandat-un&structure=ccas", url.Values{"format": {"preuve"}}); err != nil ||
		h.request.Filter.Structure != "ccas" || h.request.Find.Structure != "ccas" || h.request.Filter.Complete() != preuve.Partial {
		t.Errorf("a mandat and a structure: %+v, %v", h.request, err)
	}
	h.facetsErr = errors.New("the database is away")
	var problem *desk.Problem
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/controle/exporter?mandat=mandat-un", url.Values{"format": {"preuve"}}); !errors.Is(err, h.facetsErr) || errors.As(err, &problem) {
		t.Errorf("a database that fails: %v", err)
	}
	h.facetsErr = nil
	for _, path := range []string{"?mandat=mandat-un", "?entree=0"} {
		var p *desk.Problem
		if _, err := pagecheck.Serve(t, routes, outside(v), "POST", "/controle/exporter"+path, url.Values{"format": {"preuve"}}); !errors.As(err, &p) || p.Status != http.StatusNotFound {
			t.Errorf("%s outside the mission: %v", path, err)
		}
	}
}

// TestExportRefused: each reason why there is no file, and one at a time.
func TestExportRefused(t *testing.T) {
	h, routes, v := newDesk(t)
	h.dir = t.TempDir()
	h.add(t, 1)
	post := func() error {
		_, err := pagecheck.Serve(t, routes, v, "POST", "/controle/exporter?entree=0", url.Values{"format": {"preuve"}})
		return err
	}
	for cause, title := range map[error]string{scellement.ErrTooMany: "trop grand", scellement.ErrSince: "ne prolonge pas", scellement.ErrBehind: "plus signé"} {
		h.exportErr = cause
		var p *desk.Problem
		if err := post(); !errors.As(err, &p) || p.Status != http.StatusConflict || !strings.Contains(p.Title, title) {
			t.Errorf("%v: %v", cause, err)
		}
	}
	h.exportErr = nil
	h.during = func() {
		h.during = nil
		var p *desk.Problem
		if err := post(); !errors.As(err, &p) || p.Status != http.StatusTooManyRequests {
			t.Errorf("a second one at once: %v", err)
		}
	}
	if err := post(); err != nil {
		t.Error(err)
	}
	if err := post(); err != nil {
		t.Errorf("after the first: %v", err)
	}
}

// broken is a connection that breaks off.
type broken struct{ *httptest.ResponseRecorder }

func (broken) Write([]byte) (int, error) { return 3, io.ErrClosedPipe }

func TestExportBroken(t *testing.T) {
	h, routes, v := newDesk(t)
	h.dir = t.TempDir()
	h.add(t, 1)
	for _, rt := range routes {
		if rt.Pattern != "POST /controle/exporter" {
			continue
		}
		r := httptest.NewRequest("POST", "/controle/exporter?entree=0", strings.NewReader("format=csv"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		func() {
			defer func() {
				if recover() != http.ErrAbortHandler {
					t.Error("half a file ended as if it were whole")
				}
			}()
			err := rt.Handle(broken{httptest.NewRecorder()}, r.WithContext(desk.WithVisit(r.Context(), v)))
			t.Errorf("returned %v", err)
		}()
	}
	if h.failed != 1 {
		t.Errorf("%d failed deliveries recorded", h.failed)
	}
}
