package login_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"relais/internal/login"
)

// published are the codes of FranceConnect's and ProConnect's documentation and
// source, of OAuth and OpenID Connect, and those of the old FranceConnect that
// aidants quote. Each has its row.
var published = strings.Fields(`
	Y010004 Y010006 Y010007 Y010008 Y010009 Y010011 Y010015
	Y020021 Y020022 Y020025 Y020026 Y020027 Y020029 Y020030
	Y030007 Y04C013 Y04EA6E
	Y100001 Y100002 Y100004 Y100009 Y100011 Y100018 Y100019
	Y190001 Y190009 Y190012
	Y600006 Y600007 Y600020 Y000000
	Y000400 Y000404 Y030031 Y030110 Y030111 Y04A586 Y500015
	E010004 E010008 E010009 E020021 E020022
	invalid_request unauthorized_client access_denied unsupported_response_type invalid_scope server_error temporarily_unavailable
	interaction_required login_required account_selection_required consent_required invalid_idp_hint idp_hint_not_found
	request_not_supported request_uri_not_supported registration_not_supported unmet_authentication_requirements
	invalid_client invalid_grant unsupported_grant_type`)

// TestEveryCodeIsExplained: every code has a row, each row says what happened and
// what to try, and no code stands in two.
func TestEveryCodeIsExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range login.Codes() {
		if seen[e.Code] {
			t.Errorf("%s stands twice", e.Code)
		}
		seen[e.Code] = true
		for name, text := range map[string]string{"title": e.Title, "what": e.What, "todo": e.Todo} {
			if len(text) < 15 || strings.Contains(text, "'") || strings.Contains(text, e.Code) {
				t.Errorf("%s, %s: %q", e.Code, name, text)
			}
		}
		if !strings.HasSuffix(e.Todo, ".") || !strings.HasSuffix(e.What, ".") {
			t.Errorf("%s: unfinished: %q %q", e.Code, e.What, e.Todo)
		}
		if !slices.Contains(published, e.Code) {
			t.Errorf("%s is on no list", e.Code)
		}
	}
	for _, code := range published {
		if !seen[code] {
			t.Errorf("%s has no row", code)
		}
		for _, typed := range []string{code, strings.ToLower(code), " " + code + " ", code[:1] + " " + code[1:]} {
			if e, known := login.Translate(typed); !known || e.Code != code {
				t.Errorf("Translate(%q) = %+v, %v", typed, e, known)
			}
		}
	}
}

// TestUnknownCode: what is not in the table still gets advice, by its family where
// it has one, and nobody's words come back.
func TestUnknownCode(t *testing.T) {
	for code, title := range map[string]string{
		"Y010099": "L’identité n’a pas été retrouvée", "Y02FFFF": "FranceConnect a refusé la réponse de Relais", "Y190042": "La session du service d’identité a expiré",
		"Y999999": "Ce code n’est pas dans la liste", "": "Ce code n’est pas dans la liste", "<script>": "Ce code n’est pas dans la liste",
		"Y0100999": "Ce code n’est pas dans la liste", strings.Repeat("Y010004", 4000): "Ce code n’est pas dans la liste", "é": "Ce code n’est pas dans la liste",
	} {
		e, known := login.Translate(code)
		if known || e.Title != title || e.Code != "" || e.What == "" || e.Todo == "" {
			t.Errorf("Translate(%.20q) = %+v, %v", code, e, known)
		}
	}
}

// TestCodeOfAnError: the support gets a code and never free text.
func TestCodeOfAnError(t *testing.T) {
	for err, want := range map[error]string{
		login.ErrRefused{Code: "access_denied", Detail: "Y500015"}: "Y500015",
		login.ErrRefused{Code: "invalid_scope"}:                    "invalid_scope",
		login.ErrRefused{Code: "autre"}:                            "autre",
		login.ErrDown:                                              "",
	} {
		if got := login.Code(fmt.Errorf("couche: %w", err)); got != want {
			t.Errorf("Code(%v) = %q, want %q", err, got, want)
		}
	}
	f := newFake(t)
	l := f.login(t)
	s := startUsager(t, l, digest)
	q := f.callback(s.State)
	q.Set("error", "<b>faute</b>")
	q.Set("error_description", "Y000000<script>alert(1)</script> appelez le 0899 000 000")
	_, err := l.FinishUsager(t.Context(), s.State, q)
	title, what, todo := login.Explain(err)
	for _, text := range []string{title, what, todo, login.Code(err), err.Error()} {
		if strings.Contains(text, "<") || strings.Contains(text, "0899") {
			t.Errorf("the provider's own words: %q", text)
		}
	}
	if login.Code(err) != "Y000000" {
		t.Errorf("code = %q", login.Code(err))
	}
}
