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
)

// withStore runs a verb that reads the database and nothing of the network.
func withStore(ctx context.Context, c call, do func(*store.Store) error) error {
	cfg, err := config.LoadStorage(c.environ)
	if err != nil {
		return err
	}
	st, _, err := openStore(ctx, cfg, quiet(c.stderr), false)
	if err != nil {
		return err
	}
	defer st.Close()
	return do(st)
}

// verifyJournal re-reads every entry from the first. Exit code 1 and the index
// of the first bad entry if one does not hold.
func verifyJournal(ctx context.Context, c call) error {
	if len(c.args) == 1 && c.args[0] == "replay" {
		return replayJournal(ctx, c)
	}
	if len(c.args) != 1 || c.args[0] != "verify" {
		return errUsage
	}
	return withStore(ctx, c, func(st *store.Store) error {
		head, err := st.VerifyJournal(ctx)
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
	return withStore(ctx, c, func(st *store.Store) error {
		checks, err := checkMandat(ctx, st, number, motif)
		for _, line := range checks {
			fmt.Fprintln(c.stdout, "  ✓", line)
		}
		if errors.Is(err, mandat.ErrClosed) {
			return fmt.Errorf("%w : indiquez pourquoi vous l’ouvrez, avec --motif", err)
		}
		if err != nil {
			return fmt.Errorf("LA PREUVE NE TIENT PAS : %w", err)
		}
		_, err = fmt.Fprint(c.stdout, "La preuve tient. Elle établit que cette personne s’est connectée à FranceConnect pour ce texte précis,\n"+
			"et que l’aidant s’est identifié de nouveau pour l’accepter. Elle n’établit pas que le texte a été lu,\n"+
			"et ce n’est pas une signature qualifiée au sens du règlement eIDAS.\n")
		return err
	})
}

// checkMandat returns what held, up to the first check that did not.
func checkMandat(ctx context.Context, st *store.Store, number, motif string) (held []string, err error) {
	m, err := st.MandatByNumber(ctx, number)
	if err != nil {
		return nil, err
	}
	open := st.Dossier
	if motif != "" { // an archive, opened with a reason
		open = func(ctx context.Context, id string) (acte.Dossier, []byte, usager.Usager, error) {
			return st.OpenArchive(ctx, id, motif, operator())
		}
	}
	dossier, plain, who, err := open(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	entries, err := st.MandatEntries(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	said, err := signedFacts(entries)
	if err != nil {
		return nil, err
	}
	return checkEvidence(ctx, st, evidence{m, dossier, plain, who, said})
}

type evidence struct {
	mandat  mandat.Mandat
	dossier acte.Dossier
	plain   []byte
	who     usager.Usager
	said    signed
}

// signed is what the journal says of the signature.
type signed struct{ identify, sign journal.Record }

func signedFacts(entries []journal.Record) (signed, error) {
	var s signed
	for _, e := range entries {
		if e.Outcome != journal.OK {
			continue
		}
		switch e.Action {
		case journal.MandatIdentify:
			s.identify = e
		case journal.MandatSign:
			s.sign = e
		}
	}
	if s.sign.ID == "" || s.identify.ID == "" {
		return s, fmt.Errorf("%w: le journal ne dit pas que ce mandat a été signé", acte.ErrEvidence)
	}
	return s, nil
}

func checkEvidence(ctx context.Context, st *store.Store, e evidence) (held []string, err error) {
	fail := func(what string) ([]string, error) { return held, fmt.Errorf("%w: %s", acte.ErrEvidence, what) }
	if acte.KeysDigest(e.plain) != e.said.sign.Details["preuve_sha256"] {
		return fail("le dossier n’est pas celui que le journal a enregistré à la signature")
	}
	held = append(held, "le dossier de preuve est celui enregistré au journal à la signature")
	attested, err := e.dossier.Verify()
	if err != nil {
		return held, err
	}
	held = append(held, "FranceConnect a signé la connexion de l’usager, qui porte l’empreinte de ce texte")
	if e.dossier.Texte.Nonce() != e.said.sign.Details["empreinte"] {
		return fail("l’empreinte du texte n’est pas celle du journal")
	}
	if !attested.Pivot.Same(e.who.Identite) || attested.Sub != e.who.Sub {
		return fail("l’identité conservée n’est pas celle que FranceConnect a attestée")
	}
	held = append(held, "l’identité conservée est celle que FranceConnect a attestée")
	if _, err := e.dossier.VerifyAidant(); err != nil {
		return held, err
	}
	held = append(held, "l’aidant s’est identifié de nouveau pour ce même texte")
	for _, p := range []acte.Proof{e.dossier.Usager, e.dossier.Aidant} {
		before := e.said.sign.Index
		if p.Issuer == e.dossier.Usager.Issuer {
			before = e.said.identify.Index
		}
		committed, err := st.KeysCommittedBefore(ctx, p.Issuer, acte.KeysDigest(p.JWKS), before)
		if err != nil {
			return held, err
		}
		if !committed {
			return fail("les clés de " + p.Issuer + " n’avaient pas été constatées au journal avant la signature")
		}
	}
	held = append(held, "les clés des fournisseurs d’identité avaient été constatées au journal avant la signature")
	if !slices.ContainsFunc(strings.Split(e.dossier.Texte.Body, "\n"), func(l string) bool { return strings.Contains(l, acte.Group(e.mandat.Number)) }) {
		return fail("le texte n’est pas celui de ce numéro de mandat")
	}
	return append(held, "le texte signé est celui de ce numéro de mandat"), nil
}
