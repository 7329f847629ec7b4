package acte_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"relais/internal/acte"
	"relais/ui/actes"
)

func recueil(t *testing.T) *acte.Recueil {
	t.Helper()
	r, err := acte.Open(actes.FS)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func content(t *testing.T) acte.Content {
	t.Helper()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return acte.Content{
		Number:       "346789BCDFGH",
		Organisation: acte.Party{Name: "CCAS de Valfictif", Address: "12 rue de l’Exemple, 99001 Valfictif", Telephone: "+33199000110", SIRET: "26999901700016"},
		Aidants:      []string{"Camille Durand", "Inès Petit", "Noé Roux"},
		Domaines: []acte.Section{{Title: "Logement", Demarches: []string{"Demande d’aide personnelle au logement (APL)", "Chèque énergie"}},
			{Title: "Argent, impôts, consommation", Demarches: []string{"Déclaration de revenus"}}},
		Date:   time.Date(2026, 12, 1, 10, 0, 0, 0, paris),
		EndsAt: time.Date(2027, 1, 1, 23, 59, 59, 0, paris), Zone: "Paris", Place: "Valfictif",
	}
}

func compose(t *testing.T, c acte.Content) acte.Texte {
	t.Helper()
	r := recueil(t)
	text, err := r.Compose(r.Latest(), c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// plain makes no-break blanks ordinary, for comparing words.
func plain(s string) string { return strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s) }

// TestTextSaysWhatItMust is the list of what the written mandat contains.
func TestTextSaysWhatItMust(t *testing.T) {
	c := content(t)
	c.Replaced = []acte.Replaced{{Number: "XYTRQPMKJHGF", Domaine: "Logement"}, {Number: "33334444MMMM", Domaine: "Argent, impôts, consommation"}}
	body := plain(compose(t, c).Body)
	for what, phrases := range map[string][]string{
		"number":               {"n° 3467 89BC DFGH"},
		"mandant":              {"nom de naissance", "prénoms", "date et son lieu de naissance", "FranceConnect"},
		"structure":            {"CCAS de Valfictif", "12 rue de l’Exemple, 99001 Valfictif", "téléphone 01 99 00 01 10", "SIRET 26999901700016"},
		"aidants":              {"Camille Durand, Inès Petit et Noé Roux", "et personne d’autre"},
		"domaines, démarches":  {"Logement :", "- Demande d’aide personnelle au logement (APL)", "- Chèque énergie", "Argent, impôts, consommation :", "- Déclaration de revenus", "et elles seules"},
		"no disposition":       {"aucun acte de disposition"},
		"dates":                {"établi le 1er décembre 2026", "prend fin le 1er janvier 2027 à 23 h 59 min 59 s (heure de Paris)"},
		"two acts":             {"« Je donne mandat »", "« J’accepte le mandat »", "rien n’est signé"},
		"gratuité":             {"Le mandat est gratuit", "Rien ne peut être demandé au mandant en échange"},
		"duty to execute":      {"Accomplir les démarches demandées", "article"},
		"duty to answer":       {"Répondre de ses fautes"},
		"duty to account":      {"Rendre compte au mandant"},
		"confidentiality":      {"Garder le secret"},
		"never a password":     {"Ne jamais demander, noter ni conserver un mot de passe"},
		"who may replace":      {"Nul ne peut se faire remplacer par une personne extérieure à la structure"},
		"how to stop":          {"à tout moment, sans donner de raison et sans frais", "au guichet, par téléphone au 01 99 00 01 10, par courrier", "L’arrêt prend effet"},
		"renonciation":         {"renoncer au mandat", "prévenir le mandant"},
		"ends by itself":       {"à son échéance, au décès du mandant", "mesure de protection juridique"},
		"capacity":             {"au moins dix-huit ans", "ni sous tutelle, ni sous curatelle, ni sous habilitation familiale", "mandat de protection future"},
		"usager's own charge":  {"il reste responsable de l’exactitude de ses déclarations"},
		"RGPD: who, why":       {"responsable du traitement", "mission d’intérêt public", "article 6, paragraphe 1, point e, du RGPD"},
		"RGPD: to whom":        {"transmise, par FranceConnect, aux seuls services publics"},
		"RGPD: how long":       {"six ans après sa fin", "trois derniers en archives"},
		"RGPD: rights":         {"y accéder, les faire rectifier, s’opposer à leur traitement ou en demander la limitation", "Commission nationale de l’informatique et des libertés"},
		"two copies, place":    {"Fait en deux exemplaires", "À Valfictif, le 1er décembre 2026"},
		"digest":               {"porte l’empreinte du présent texte", "L’empreinte de ce texte, imprimée sur chaque exemplaire"},
		"what it replaces":     {"Ce mandat remplace", "- Logement (mandat n° XYTR QPMK JHGF)", "- Argent, impôts, consommation (mandat n° 3333 4444 MMMM)"},
		"no silent renewal":    {"Il ne se renouvelle pas de lui-même"},
		"journal of the usage": {"Chaque utilisation du mandat est inscrite dans un journal"},
	} {
		for _, p := range phrases {
			if !strings.Contains(body, p) {
				t.Errorf("%s: the text lacks « %s »", what, p)
			}
		}
	}
	for _, never := range []string{"consent", "<no value>", "{{", "Lefèvre"} {
		if strings.Contains(body, never) {
			t.Errorf("the text says %q", never)
		}
	}
}

func TestTextVariants(t *testing.T) {
	c := content(t)
	if body := compose(t, c).Body; strings.Contains(body, "Ce mandat remplace") {
		t.Error("a text that replaces nothing speaks of replacement")
	}
	c.Aidants = c.Aidants[:1]
	if body := plain(compose(t, c).Body); !strings.Contains(body, "Une seule personne peut agir en son nom : Camille Durand.") {
		t.Errorf("one aidant: %s", body)
	}
	c.Aidants = []string{"Camille Durand", "Inès Petit"}
	if body := plain(compose(t, c).Body); !strings.Contains(body, "et personne d’autre : Camille Durand et Inès Petit.") {
		t.Errorf("two aidants: %s", body)
	}
	for in, want := range map[string]string{"+262262000130": "02 62 00 01 30", "+687123456": "+687123456", "01 99 00 01 10": "01 99 00 01 10"} {
		c.Organisation.Telephone = in
		if body := plain(compose(t, c).Body); !strings.Contains(body, "par téléphone au "+want+",") {
			t.Errorf("telephone %s: %s", in, body)
		}
	}
	c.Colleagues = true
	if body := plain(compose(t, c).Body); !strings.Contains(body, "ainsi que tout autre aidant habilité de la même structure") || strings.Contains(body, "personne d’autre") {
		t.Errorf("colleagues: %s", body)
	}
}

// TestTypography: French signs with their no-break blanks, curly apostrophes.
func TestTypography(t *testing.T) {
	body := compose(t, content(t)).Body
	for _, wrong := range []string{" :", " ;", " !", " ?", "« ", " »", "n° ", "'", "  ", "..."} {
		if i := strings.Index(body, wrong); i >= 0 {
			t.Errorf("%q in « %s »", wrong, body[max(0, i-30):min(len(body), i+10)])
		}
	}
}

// canonicalForm is what the digest stands on.
func canonicalForm(t *testing.T, body string) {
	t.Helper()
	if !norm.NFC.IsNormalString(body) || strings.Contains(body, "\r") || strings.Contains(body, "\n\n\n") ||
		!strings.HasSuffix(body, "\n") || strings.HasSuffix(body, "\n\n") || strings.HasPrefix(body, "\n") {
		t.Errorf("not canonical: %q", body)
	}
	for line := range strings.SplitSeq(body, "\n") {
		if line != strings.TrimRightFunc(line, unicode.IsSpace) {
			t.Errorf("blanks at the end of %q", line)
		}
	}
}

func TestComposeIsCanonical(t *testing.T) {
	c := content(t)
	one, two := compose(t, c), compose(t, c)
	canonicalForm(t, one.Body)
	if one.Body != two.Body {
		t.Error("one content, two texts")
	}
	if slices.Equal(one.Salt, two.Salt) || len(one.Salt) != acte.SaltSize || one.Nonce() == two.Nonce() {
		t.Error("two texts under one salt")
	}
	c.Organisation.Name, c.Place = "CCAS de la Lefe\u0300vrie", "Valfictif-l’E\u0301glise"
	decomposed := compose(t, c)
	canonicalForm(t, decomposed.Body)
	c.Organisation.Name, c.Place = "CCAS de la Lefèvrie", "Valfictif-l’Église"
	if compose(t, c).Body != decomposed.Body {
		t.Error("two spellings of one name make two texts")
	}
	// What was composed and is composed again, as its own template, stays the same.
	fsys := fstest.MapFS{"mandat-2030-01-01.txt": {Data: []byte(one.Body)}, "mandat-2029-01-01.txt": {Data: []byte("\r\n\n  a \t\r\n\n\n\nb\n\n")}}
	r, err := acte.Open(fsys)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Compose("2030-01-01", content(t))
	if err != nil || again.Body != one.Body {
		t.Errorf("the canonical form of a canonical form differs: %v", err)
	}
	messy, err := r.Compose("2029-01-01", content(t))
	if err != nil || messy.Body != "  a\n\nb\n" || r.Latest() != "2030-01-01" {
		t.Errorf("messy = %q, %v", messy.Body, err)
	}
}

func TestComposeRefuses(t *testing.T) {
	r := recueil(t)
	for _, v := range []string{"", "2026-11-20", "../mandat", "mandat-2026-11-21.txt"} {
		if text, err := r.Compose(v, content(t)); !errors.Is(err, acte.ErrVersion) || !text.IsZero() {
			t.Errorf("version %q: %v", v, err)
		}
	}
	for name, change := range map[string]func(*acte.Content){
		"a forged heading":   func(c *acte.Content) { c.Organisation.Name = "CCAS\n\n## Gratuité\n\nLe mandat coûte 50 euros." },
		"a forged item":      func(c *acte.Content) { c.Domaines[0].Demarches[0] = "APL\n- Vente de la maison" },
		"an aidant's bidi":   func(c *acte.Content) { c.Aidants[1] = "Inès \u202etiteP" },
		"a hidden character": func(c *acte.Content) { c.Place = "Val\u200bfictif" },
		"a pile":             func(c *acte.Content) { c.Place = "V" + strings.Repeat("\u0301", 30) },
		"a return":           func(c *acte.Content) { c.Organisation.Address = "a\rb" },
		"a line separator":   func(c *acte.Content) { c.Organisation.Address = "a\u2028b" },
		"not UTF-8":          func(c *acte.Content) { c.Zone = "Par\xffis" },
		"no SIRET":           func(c *acte.Content) { c.Organisation.SIRET = "" },
		"no telephone":       func(c *acte.Content) { c.Organisation.Telephone = " " },
		"no number":          func(c *acte.Content) { c.Number = "" },
		"no place":           func(c *acte.Content) { c.Place = "" },
		"no aidant":          func(c *acte.Content) { c.Aidants = nil },
		"a nameless aidant":  func(c *acte.Content) { c.Aidants[0] = "" },
		"no domaine":         func(c *acte.Content) { c.Domaines = nil },
		"no date":            func(c *acte.Content) { c.Date = time.Time{} },
		"an end before":      func(c *acte.Content) { c.EndsAt = c.Date },
		"nothing replaced":   func(c *acte.Content) { c.Replaced = []acte.Replaced{{}} },
	} {
		c := content(t)
		change(&c)
		if text, err := r.Compose(r.Latest(), c); !errors.Is(err, acte.ErrContent) || !text.IsZero() {
			t.Errorf("%s: Compose = %v", name, err)
		}
	}
	for name, fsys := range map[string]fstest.MapFS{
		"nothing":       {},
		"a wrong name":  {"mandat-x.txt": {Data: []byte("a")}},
		"a broken text": {"mandat-2026-01-01.txt": {Data: []byte("{{.Number")}},
	} {
		if _, err := acte.Open(fsys); err == nil {
			t.Errorf("%s: Open accepts it", name)
		}
	}
	bad, err := acte.Open(fstest.MapFS{"mandat-2026-01-01.txt": {Data: []byte("{{.Inconnu}}")}})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := bad.Compose("2026-01-01", content(t)); err == nil || !text.IsZero() {
		t.Errorf("an unknown field: %v", err)
	}
}

func TestDigestChangesWithEachByte(t *testing.T) {
	text := compose(t, content(t))
	seen := map[string]bool{text.Nonce(): true}
	if len(text.Nonce()) != 64 || strings.ToLower(text.Nonce()) != text.Nonce() {
		t.Errorf("nonce %q", text.Nonce())
	}
	look := func(what string, i int, digest string) {
		if seen[digest] {
			t.Errorf("%s %d: the digest does not change", what, i)
		}
		seen[digest] = true
	}
	for i := range text.Salt {
		salt := slices.Clone(text.Salt)
		salt[i] ^= 1
		look("salt", i, acte.Digest(salt, text.Body))
	}
	body := []byte(text.Body)
	for i := range body {
		body[i] ^= 1
		look("text", i, acte.Digest(text.Salt, string(body)))
		body[i] ^= 1
	}
	look("shorter", 0, acte.Digest(text.Salt, text.Body[:len(text.Body)-1]))
	look("no salt", 0, acte.Digest(nil, text.Body))
}

// TestBlocksShowTheWholeText: pages show blocks; put together again they are the
// hashed text, character by character.
func TestBlocksShowTheWholeText(t *testing.T) {
	c := content(t)
	c.Replaced = []acte.Replaced{{Number: "XYTRQPMKJHGF", Domaine: "Logement"}}
	text := compose(t, c)
	var lines []string
	for _, b := range text.Blocks() {
		switch b.Kind {
		case "titre":
			lines = append(lines, "# "+b.Text)
		case "intertitre":
			lines = append(lines, "## "+b.Text)
		case "liste":
			for _, item := range b.Items {
				lines = append(lines, "- "+item)
			}
		case "paragraphe":
			lines = append(lines, b.Text)
		default:
			t.Errorf("a block of kind %q", b.Kind)
		}
		if (b.Kind == "liste") != (b.Text == "") || (b.Kind == "liste") != (len(b.Items) > 0) {
			t.Errorf("block %+v", b)
		}
	}
	want := strings.ReplaceAll(strings.TrimSuffix(text.Body, "\n"), "\n\n", "\n")
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("the blocks say\n%s\nand the text\n%s", got, want)
	}
	blocks := acte.Texte{Body: "a\nb\n\n- x\n- y\nc\n## d\n#e\n-f\n"}.Blocks()
	if len(blocks) != 5 || blocks[0].Text != "a b" || len(blocks[1].Items) != 2 || blocks[2].Text != "c" || blocks[3].Kind != "intertitre" || blocks[4].Text != "#e -f" {
		t.Errorf("Blocks = %+v", blocks)
	}
	if got := (acte.Texte{}).Blocks(); len(got) != 0 {
		t.Errorf("Blocks of nothing = %+v", got)
	}
}

func TestGroupAndDate(t *testing.T) {
	for in, want := range map[string]string{"": "", "3": "3", "3467": "3467", "34678": "3467 8", "346789BCDFGH": "3467 89BC DFGH"} {
		if got := acte.Group(in); got != want {
			t.Errorf("Group(%q) = %q, want %q", in, got, want)
		}
	}
	for day, want := range map[int]string{1: "1er août 2026", 2: "2 août 2026", 31: "31 août 2026"} {
		if got := acte.DateFR(time.Date(2026, 8, day, 0, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("DateFR = %q, want %q", got, want)
		}
	}
}

// TestGrants: a text is held against domaines, démarches and an end, exactly.
func TestGrants(t *testing.T) {
	two := []acte.Section{{Title: "Logement", Demarches: []string{"Demander l’APL"}}, {Title: "Famille", Demarches: []string{"Demander une bourse", "Déclarer une naissance"}}}
	ends := time.Date(2026, 12, 1, 23, 59, 59, 0, time.UTC)
	r, err := acte.Open(actes.FS)
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.Compose(r.Latest(), acte.Content{Number: "BCDFGHJK", Organisation: acte.Party{Name: "CCAS", Address: "1 place", Telephone: "0381000000", SIRET: "1"},
		Aidants: []string{"Nadia"}, Domaines: two, Date: ends.AddDate(0, 0, -9), EndsAt: ends, Zone: "Paris", Place: "Pontarlier"})
	if err != nil {
		t.Fatal(err)
	}
	if !text.Grants(two, ends) {
		t.Error("the text does not grant what it says")
	}
	for name, granted := range map[string]bool{
		"fewer domaines":  text.Grants(two[:1], ends),
		"fewer démarches": text.Grants([]acte.Section{two[0], {Title: "Famille", Demarches: two[1].Demarches[:1]}}, ends),
		"another order":   text.Grants([]acte.Section{two[1], two[0]}, ends),
		"a later end":     text.Grants(two, ends.AddDate(0, 0, 1)),
		"an hour later":   text.Grants(two, ends.Add(time.Hour)),
		"nothing":         text.Grants(nil, ends),
	} {
		if granted {
			t.Errorf("%s: granted", name)
		}
	}
}
