package web

import (
	"net/http"
	"strings"

	"relais/internal/login"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// codesPage explains the codes that FranceConnect and ProConnect show on pages of
// their own, where Relais cannot.
type codesPage struct {
	page.PublicPage
	Field page.Field
	Asked bool
	Known bool // the code is in the table
	Found login.Explanation
	All   []codeGroup
}

// codeGroup is one explanation and every code that it is for.
type codeGroup struct {
	login.Explanation
	Codes []string
}

func (s *Server) codes(w http.ResponseWriter, r *http.Request) error {
	p := &codesPage{All: groups()}
	p.Layout, p.Operator = desk.Of(r).Layout("Codes d’erreur de FranceConnect et de ProConnect", ""), s.Operator
	p.Field = page.Field{Type: "text", Name: "code", Label: "Code affiché à l’écran", Hint: "Par exemple Y600020.", Autocomplete: "off", Width: 10, Max: 40, Required: true}
	if text := strings.TrimSpace(r.URL.Query().Get("code")); text != "" {
		p.Asked = true
		p.Found, p.Known = login.Translate(text)
		p.Field.Value = p.Found.Code
	}
	return s.Pages.Render(w, http.StatusOK, "aide/codes", p)
}

// groups is the table by explanation, in the order of the first code.
func groups() []codeGroup {
	var all []codeGroup
	at := map[string]int{}
	for _, e := range login.Codes() {
		i, ok := at[e.What]
		if !ok {
			i = len(all)
			at[e.What], all = i, append(all, codeGroup{Explanation: e})
		}
		all[i].Codes = append(all[i].Codes, e.Code)
	}
	return all
}
