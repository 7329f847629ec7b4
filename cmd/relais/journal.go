package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"relais/internal/config"
	"relais/internal/preuve"
	"relais/internal/scellement"
	"relais/internal/store"
)

// journalVerbs are what `relais journal` does.
var journalVerbs = []struct {
	name, args, text string
	do               func(context.Context, call) error
}{
	{"verify", "", "vérifier le journal entier", verifyJournal},
	{"replay", "", "le comparer à l’état des mandats", replayJournal},
	{"index", "", "refaire depuis les entrées les listes dont vivent les recherches, les signaux et les relevés", indexJournal},
	{"key", "", "afficher la clé publique du journal (vkey)", journalKey},
	{"export", "[--entree RANG] [--mandat NUMÉRO] [--from JOUR --to JOUR] [--acteur RÉF] [--action CODE] [--issue CODE] [--format preuve|csv|jsonl] --out FICHIER [--since CHECKPOINT]",
		"écrire un fichier de preuve, un tableau ou les entrées brutes", journalExport},
	{"verify-evidence", "FICHIER.zip --key VKEY [--since CHECKPOINT]", "vérifier un fichier de preuve, sans base ni réseau", verifyEvidence},
	{"epoch", "", "ouvrir une nouvelle époque après une perte d’entrées", journalEpoch},
	{"rotate-key", "[--finish]", "faire signer une nouvelle clé à côté de l’ancienne, puis (--finish) seule", rotateKey},
}

// journalVerb finds the verb's verb.
func journalVerb(ctx context.Context, c call) error {
	if len(c.args) > 0 {
		for _, v := range journalVerbs {
			if v.name != c.args[0] {
				continue
			}
			if v.name != "verify" { // which checks its own words
				c.args = c.args[1:]
			}
			return v.do(ctx, c)
		}
	}
	for _, v := range journalVerbs {
		fmt.Fprintf(c.stderr, "  relais journal %s %s\n      %s\n", v.name, v.args, v.text)
	}
	return errUsage
}

// words parses flags that may stand before or after the other words, which it
// returns.
func words(flags *flag.FlagSet, args []string) ([]string, error) {
	flags.SetOutput(io.Discard)
	var rest []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return nil, errUsage
		}
		if args = flags.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}

// withSealer runs a verb that signs, or that shows what signs.
func withSealer(ctx context.Context, c call, do func(*store.Store, *scellement.Sealer) error) error {
	cfg, err := config.LoadStorage(c.environ)
	if err != nil {
		return err
	}
	st, _, err := openStore(ctx, cfg, quiet(c.stderr), false)
	if err != nil {
		return err
	}
	defer st.Close()
	sealer, err := scellement.New(scellement.Options{Dir: cfg.Data, Name: cfg.Journal.Origin, Tree: st, Shelf: st, Tokens: st,
		Policy: cfg.Journal.Policy, TSA: cfg.Journal.TSA, Log: quiet(c.stderr)})
	if err != nil {
		return err
	}
	return do(st, sealer)
}

func journalKey(ctx context.Context, c call) error {
	if len(c.args) != 0 {
		return errUsage
	}
	return withSealer(ctx, c, func(_ *store.Store, s *scellement.Sealer) error {
		keys, err := s.VKeys()
		for _, k := range keys {
			fmt.Fprintln(c.stdout, k)
		}
		return err
	})
}

func journalEpoch(ctx context.Context, c call) error {
	if len(c.args) != 0 {
		return errUsage
	}
	return withSealer(ctx, c, func(st *store.Store, s *scellement.Sealer) error {
		signed, err := s.OpenEpoch(ctx, operator(), st)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, "Nouvelle époque ouverte : %s, à %d entrées. Prévenez l’auditeur et les témoins (nouvelle origine).\n", signed.Origin, signed.Size)
		return err
	})
}

func rotateKey(ctx context.Context, c call) error {
	flags := flag.NewFlagSet("rotate-key", flag.ContinueOnError)
	finish := flags.Bool("finish", false, "")
	if rest, err := words(flags, c.args); err != nil || len(rest) != 0 {
		return errUsage
	}
	return withSealer(ctx, c, func(st *store.Store, s *scellement.Sealer) error {
		if *finish {
			vkey, err := s.FinishRotation(ctx, operator(), st)
			if err == nil {
				_, err = fmt.Fprintf(c.stdout, "Cette clé signe seule désormais :\n%s\n", vkey)
			}
			return err
		}
		vkey, err := s.Rotate(ctx, operator(), st)
		if err == nil {
			_, err = fmt.Fprintf(c.stdout, "Les deux clés signent. Publiez la nouvelle, puis « relais journal rotate-key --finish » :\n%s\n", vkey)
		}
		return err
	})
}

func journalExport(ctx context.Context, c call) error {
	flags := flag.NewFlagSet("export", flag.ContinueOnError)
	var w exportWords
	w.flags(flags)
	out, since := flags.String("out", "", ""), flags.String("since", "", "")
	if rest, err := words(flags, c.args); err != nil || len(rest) != 0 || *out == "" {
		return errUsage
	}
	older, err := optionalFile(*since)
	if err != nil {
		return err
	}
	return withSealer(ctx, c, func(st *store.Store, s *scellement.Sealer) error {
		filter, err := w.selection(ctx, st)
		if err != nil {
			return err
		}
		x := scellement.Exporter{Sealer: s, From: st}
		return handOver(ctx, c, x, scellement.Request{Form: w.form, Filter: filter, By: operator(), Since: older, App: appVersion()}, *out)
	})
}

func optionalFile(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	return readBounded(path, 64<<10)
}

// readBounded reads a file that a stranger may have made.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading only
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("%s : plus de %d octets", path, limit)
	}
	return raw, err
}

// writeNew never writes over a file that is there, and leaves none that is not
// whole.
func writeNew(path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// several is a flag that may be given more than once.
type several []string

func (s *several) String() string { return strings.Join(*s, " ") }

// Set implements flag.Value.
func (s *several) Set(v string) error { *s = append(*s, v); return nil }

// verifyEvidence needs no configuration, no database and no network.
func verifyEvidence(_ context.Context, c call) error {
	flags := flag.NewFlagSet("verify-evidence", flag.ContinueOnError)
	var keys several
	flags.Var(&keys, "key", "")
	since := flags.String("since", "", "")
	rest, err := words(flags, c.args)
	if err != nil || len(rest) != 1 || len(keys) == 0 {
		return errUsage
	}
	older, err := optionalFile(*since)
	if err != nil {
		return err
	}
	f, err := os.Open(rest[0])
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // opened for reading only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	r, err := preuve.VerifyFile(f, info.Size(), keys, older)
	if err != nil {
		return fmt.Errorf("LA PREUVE NE TIENT PAS : %w", err)
	}
	return tell(c.stdout, r, time.Now())
}

// buildSealer makes what signs the journal while the house runs.
func (h *house) buildSealer() error {
	var err error
	h.sealer, err = scellement.New(scellement.Options{Dir: h.cfg.Data, Name: h.cfg.Journal.Origin, Tree: h.store, Shelf: h.store, Tokens: h.store,
		Policy: h.cfg.Journal.Policy, TSA: h.cfg.Journal.TSA, Now: h.now, Log: h.log})
	return err
}

var _ scellement.Archive = (*store.Store)(nil)
