package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"relais/internal/acte"
	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/store"
	"relais/internal/usager"
	"relais/internal/web/redaction"
)

// withStore runs a verb that reads the database and nothing of the network.
func withStore(ctx context.Context, c call, do func(config.Config, *store.Store) error) error {
	cfg, err := config.LoadStorage(c.environ)
	if err != nil {
		return err
	}
	st, _, err := openStore(ctx, cfg, quiet(c.stderr), false)
	if err != nil {
		return err
	}
	defer st.Close()
	return do(cfg, st)
}

// verifyJournal re-reads every entry from the first, and leaves an entry that says
// so. Exit code 1 and the index of the first bad entry if one does not hold.
func verifyJournal(ctx context.Context, c call) error {
	if len(c.args) != 1 || c.args[0] != "verify" {
		return errUsage
	}
	return withStore(ctx, c, func(_ config.Config, st *store.Store) error {
		head, err := st.CheckJournal(ctx, operator())
		var finding *journal.Finding
		if errors.As(err, &finding) {
			return fmt.Errorf("JOURNAL ALTÉRÉ, première entrée fautive : %d (%s)", finding.Index, finding.Why)
		}
		if err != nil {
			return err
		}
		if _, err = fmt.Fprintf(c.stdout, "Journal intact : %d entrées, racine %s\n", head.Size, head.Root); err != nil {
			return err
		}
		pruned, err := st.Pruned(ctx)
		if err != nil || pruned == 0 {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, "%d entrée(s) d’accès ont perdu leur contenu au terme de leur durée ; leur empreinte reste dans l’arbre.\n", pruned)
		return err
	})
}

// verifyMandat re-checks the evidence of one mandat offline and says what it
// proves and what it does not.
func verifyMandat(ctx context.Context, c call) error {
	if len(c.args) > 0 && c.args[0] == "litige" {
		return disputeMandat(ctx, c)
	}
	if len(c.args) < 2 || c.args[0] != "verify" {
		return errUsage
	}
	var motif string
	words, err := flags(c.args[1:], func(fs *flag.FlagSet) { fs.StringVar(&motif, "motif", "", "") })
	if err != nil || len(words) == 0 {
		return errUsage
	}
	number := mandatNumber(strings.Join(words, ""))
	return withStore(ctx, c, func(cfg config.Config, st *store.Store) error {
		checks, err := checkMandat(ctx, st, asked{number: number, motif: motif, ownIDP: cfg.FranceConnectIDP})
		for _, line := range checks {
			fmt.Fprintln(c.stdout, "  ✓", line)
		}
		if errors.Is(err, mandat.ErrClosed) {
			return fmt.Errorf("%w : indiquez pourquoi vous l’ouvrez, avec --motif", err)
		}
		if errors.Is(err, mandat.ErrNotFound) {
			return err
		}
		if err != nil {
			return fmt.Errorf("LA PREUVE NE TIENT PAS : %w", err)
		}
		if slices.Contains(checks, acceptedByCode) {
			_, err = fmt.Fprint(c.stdout, "La preuve de l’usager tient : elle établit que cette personne s’est connectée à FranceConnect pour ce texte précis.\n"+
				"Que l’aidant se soit identifié de nouveau pour l’accepter, seul le journal de Relais le dit : aucune signature ne le prouve.\n"+
				"Elle n’établit pas que le texte a été lu, et ce n’est pas une signature qualifiée au sens du règlement eIDAS.\n")
			return err
		}
		_, err = fmt.Fprint(c.stdout, "La preuve tient. Elle établit que cette personne s’est connectée à FranceConnect pour ce texte précis,\n"+
			"et que l’aidant s’est identifié de nouveau pour l’accepter. Elle n’établit pas que le texte a été lu,\n"+
			"et ce n’est pas une signature qualifiée au sens du règlement eIDAS.\n")
		return err
	})
}

// asked is which mandat to verify: its number, why an archive is opened ("" for
// one that is not archived), and our identifier at FranceConnect, "" when it is
// not known here.
type asked struct{ number, motif, ownIDP string }

// checkMandat returns what held, up to the first check that did not. The journal
// comes first: the other checks lean on what it says.
func checkMandat(ctx context.Context, st *store.Store, a asked) (held []string, err error) {
	m, err := st.MandatByNumber(ctx, a.number)
	if err != nil {
		return nil, err
	}
	head, err := st.VerifyJournal(ctx)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	e, err := evidenceOf(ctx, st, m, a.motif)
	if err != nil {
		return nil, err
	}
	e.ownIDP = a.ownIDP
	held = append(held, fmt.Sprintf("le journal est intact (%d entrées)", head.Size))
	for _, check := range []func(context.Context, *store.Store) (string, error){e.sealed, e.usager, e.aidant, e.keys, e.terms} {
		line, err := check(ctx, st)
		if err != nil {
			return held, err
		}
		held = append(held, line)
	}
	return held, nil
}

// evidence is all that a verification reads.
type evidence struct {
	mandat         mandat.Mandat
	dossier        acte.Dossier
	plain          []byte
	who            usager.Usager
	ownIDP         string
	identify, sign journal.Record // what the journal says of the signature
}

func evidenceOf(ctx context.Context, st *store.Store, m mandat.Mandat, motif string) (evidence, error) {
	e := evidence{mandat: m}
	entries, err := st.MandatEntries(ctx, m.ID)
	if err != nil {
		return e, err
	}
	for _, entry := range entries {
		switch {
		case entry.Outcome != journal.OK:
		case entry.Action == journal.MandatIdentify:
			e.identify = entry
		case entry.Action == journal.MandatSign:
			e.sign = entry
		}
	}
	if e.sign.ID == "" || e.identify.ID == "" {
		return e, broken("le journal ne dit pas que ce mandat a été signé")
	}
	if e.sign.Index < 0 || e.identify.Index < 0 {
		return e, store.ErrUnnumbered
	}
	if motif != "" { // an archive, opened with a reason
		e.dossier, e.plain, e.who, err = st.OpenArchive(ctx, m.ID, motif, operator())
		return e, err
	}
	e.dossier, e.plain, e.who, err = st.Dossier(ctx, m.ID)
	return e, err
}

func broken(what string) error { return fmt.Errorf("%w : %s", acte.ErrEvidence, what) }

// sealed: the dossier is the one whose digest was written at the signature.
func (e evidence) sealed(context.Context, *store.Store) (string, error) {
	if acte.KeysDigest(e.plain) != e.sign.Details["preuve_sha256"] {
		return "", broken("le dossier n’est pas celui que le journal a enregistré à la signature")
	}
	return "le dossier de preuve est celui enregistré au journal à la signature", nil
}

// usager: the usager's login carries this text, and is of this usager.
func (e evidence) usager(context.Context, *store.Store) (string, error) {
	attested, err := e.dossier.Verify()
	if err != nil {
		return "", err
	}
	if e.dossier.Texte.Nonce() != e.sign.Details["empreinte"] {
		return "", broken("l’empreinte du texte n’est pas celle du journal")
	}
	if !attested.Pivot.Same(e.who.Identite) || attested.Sub != e.who.Sub {
		return "", broken("l’identité conservée n’est pas celle que FranceConnect a attestée")
	}
	if attested.IDP == "" || attested.IDP == e.ownIDP {
		return "", broken("l’usager a été identifié par Relais lui-même")
	}
	return fmt.Sprintf("%s a signé la connexion de l’usager (compte %s), qui porte l’empreinte de ce texte", e.dossier.Usager.Issuer, attested.IDP), nil
}

// aidant: whoever accepted identified again, for the same text.
func (e evidence) aidant(ctx context.Context, st *store.Store) (string, error) {
	accepted, err := e.dossier.VerifyAidant()
	if err != nil {
		return "", err
	}
	if e.sign.Actor.Ref != e.mandat.AcceptedBy && !journal.Hidden(e.sign.Actor.Ref) {
		return "", broken("l’aidant qui a accepté n’est pas celui du journal")
	}
	switch accepted.Method {
	case acte.MethodPasskey:
		return e.byPasskey(ctx, st, accepted.Key)
	case acte.MethodCode:
		if accepted.Agent != e.mandat.AcceptedBy {
			return "", broken("l’aidant qui a repris l’écran n’est pas celui qui a accepté")
		}
		return acceptedByCode, nil
	}
	return e.dossier.Aidant.Issuer + " a signé la connexion de l’aidant, qui porte l’empreinte du même texte", nil
}

// acceptedByCode is the check that checks little.
const acceptedByCode = "l’aidant s’est identifié par une application de codes : rien n’est signé de sa main, seul le journal de Relais le dit"

// byPasskey: the passkey that signed the text was enrolled before, by the aidant who
// accepted.
func (e evidence) byPasskey(ctx context.Context, st *store.Store, key string) (string, error) {
	agent, committed, err := st.PasskeyCommittedBefore(ctx, key, e.sign.Index)
	if err != nil {
		return "", err
	}
	if !committed {
		return "", broken("la clé d’accès de l’aidant n’avait pas été inscrite au journal avant la signature")
	}
	if agent != e.mandat.AcceptedBy && !journal.Hidden(agent) {
		return "", broken("la clé d’accès qui a signé est celle d’un autre agent")
	}
	return "la clé d’accès de l’aidant, inscrite au journal auparavant, a signé l’empreinte du même texte", nil
}

// keys: the keys that open the tokens were known to the journal beforehand.
func (e evidence) keys(ctx context.Context, st *store.Store) (string, error) {
	if e.identify.Details["jwks_sha256"] != acte.KeysDigest(e.dossier.Usager.JWKS) {
		return "", broken("les clés ne sont pas celles que le journal a enregistrées à l’identification")
	}
	for _, p := range []struct {
		proof  acte.Proof
		before int64
	}{{e.dossier.Usager, e.identify.Index}, {e.dossier.Aidant, e.sign.Index}} {
		if p.proof.Own != nil {
			continue // no provider: the aidant's own check looked at the key
		}
		committed, err := st.KeysCommittedBefore(ctx, p.proof.Issuer, acte.KeysDigest(p.proof.JWKS), p.before)
		if err != nil {
			return "", err
		}
		if !committed {
			return "", broken("les clés de " + p.proof.Issuer + " n’avaient pas été constatées au journal avant la connexion")
		}
	}
	return "les clés des fournisseurs d’identité avaient été constatées au journal avant les connexions", nil
}

// terms: what the database lets the structure do is what the text says.
func (e evidence) terms(ctx context.Context, st *store.Store) (string, error) {
	o, err := st.Organisation(ctx, e.mandat.OrganisationID)
	if err != nil {
		return "", err
	}
	if title, _, _ := strings.Cut(e.dossier.Texte.Body, "\n"); !strings.HasSuffix(title, acte.Group(e.mandat.Number)) {
		return "", broken("le texte n’est pas celui de ce numéro de mandat")
	}
	if !e.dossier.Texte.Grants(redaction.Sections(e.mandat), e.mandat.EndsAt.In(o.Location())) {
		return "", broken("les domaines, les démarches ou la fin en base ne sont pas ceux du texte signé")
	}
	return "le numéro, les domaines, les démarches et la fin sont ceux du texte signé", nil
}
