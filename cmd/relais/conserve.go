package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/store"
	"relais/internal/usager"
)

// flags parses what follows a verb's word with flags made on the spot.
func flags(args []string, set func(*flag.FlagSet)) ([]string, error) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	set(fs)
	return words(fs, args)
}

// usagerVerb erases or exports the data of one usager.
func usagerVerb(ctx context.Context, c call) error {
	if len(c.args) == 0 {
		return errUsage
	}
	switch c.args[0] {
	case "erase":
		return eraseUsager(ctx, c)
	case "export":
		return exportUsager(ctx, c)
	}
	return errUsage
}

// eraseUsager erases one usager, or says what would be erased.
func eraseUsager(ctx context.Context, c call) error {
	var motif string
	var dry bool
	words, err := flags(c.args[1:], func(fs *flag.FlagSet) {
		fs.StringVar(&motif, "motif", "", "")
		fs.BoolVar(&dry, "dry-run", false, "")
	})
	if err != nil || len(words) != 1 || motif == "" {
		return errUsage
	}
	return withStore(ctx, c, func(_ config.Config, st *store.Store) error {
		id, err := usagerID(ctx, st, words[0])
		if err != nil {
			return err
		}
		f, gone, err := st.EraseUsager(ctx, id, usager.Motif(motif), operator(), dry)
		if errors.Is(err, usager.ErrMotif) {
			return fmt.Errorf("%w ; motifs : %s", err, motifs())
		}
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%d mandat(s) gardent leur squelette ; %d dossier(s) de preuve, %d clé(s) de recherche, %d usage(s) ouvert(s)",
			len(f.Mandats), gone.Dossiers, gone.Index, gone.Uses)
		if dry {
			_, err = fmt.Fprintf(c.stdout, "À blanc, rien n’est effacé. Seraient effacés : l’identité et sa clé. %s.\n", line)
			return err
		}
		_, err = fmt.Fprintf(c.stdout, "Usager effacé, entrée %d du journal. %s.\nLes sauvegardes faites avant contiennent encore ces données : voyez docs/effacement.md.\n",
			f.Usager.ErasedEntry, line)
		return err
	})
}

func motifs() string {
	var list []string
	for _, m := range usager.Motifs() {
		list = append(list, fmt.Sprintf("%s (%s)", m, m.Label()))
	}
	return strings.Join(list, ", ")
}

// usagerID takes an usager's id or the number of one of their mandats.
func usagerID(ctx context.Context, st *store.Store, word string) (string, error) {
	if strings.HasPrefix(word, "u-") {
		return word, nil
	}
	m, err := st.MandatByNumber(ctx, mandatNumber(word))
	if err == nil && m.UsagerID == "" {
		err = mandat.ErrNotFound
	}
	return m.UsagerID, err
}

func mandatNumber(word string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(word))
}

// retention applies both clocks now, or counts what they would take.
func retention(ctx context.Context, c call) error {
	var dry bool
	words, err := flags(c.args, func(fs *flag.FlagSet) { fs.BoolVar(&dry, "dry-run", false, "") })
	if err != nil || len(words) != 0 {
		return errUsage
	}
	cfg, err := config.LoadStorage(c.environ)
	if err != nil {
		return err
	}
	return withStore(ctx, c, func(_ config.Config, st *store.Store) error {
		r, err := st.Retain(ctx, cfg.RetentionAcces, dry)
		if err != nil {
			return err
		}
		head := "Durées appliquées."
		if dry {
			head = "À blanc, rien n’est supprimé."
		}
		_, err = fmt.Fprintf(c.stdout, "%s\n  entrées d’accès de plus de %d mois, contenu supprimé : %d\n  usagers au terme de la conservation, effacés : %d\n  mois dont les agents ne sont plus nommables : %d\n"+
			"  mandats archivés (ouverture avec motif) : %d\n  mandats gelés par un litige : %d, dont à revoir : %d\n",
			head, cfg.RetentionAcces, r.Access, r.Usagers, r.Agents, r.Archived, r.Disputed, r.Review)
		return err
	})
}

// disputeMandat opens or lifts a dispute, which freezes deletion.
func disputeMandat(ctx context.Context, c call) error {
	var motif, review string
	var lift bool
	words, err := flags(c.args[1:], func(fs *flag.FlagSet) {
		fs.StringVar(&motif, "motif", "", "")
		fs.StringVar(&review, "revue", "", "")
		fs.BoolVar(&lift, "clore", false, "")
	})
	if err != nil || len(words) != 1 || lift == (motif != "") {
		return errUsage
	}
	until := time.Now().AddDate(1, 0, 0)
	if review != "" {
		if until, err = time.Parse(time.DateOnly, review); err != nil {
			return errUsage
		}
	}
	return withStore(ctx, c, func(_ config.Config, st *store.Store) error {
		m, err := st.MandatByNumber(ctx, mandatNumber(words[0]))
		if err != nil {
			return err
		}
		m, err = st.ChangeMandat(ctx, m.OrganisationID, m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			if lift {
				return m.LiftDispute(operator())
			}
			return m.OpenDispute(motif, until, operator(), time.Now())
		})
		if err != nil {
			return err
		}
		if lift {
			_, err = fmt.Fprintln(c.stdout, "Litige clos : les durées de conservation courent de nouveau.")
			return err
		}
		_, err = fmt.Fprintf(c.stdout, "Litige ouvert : rien de ce mandat ne sera supprimé. À revoir avant le %s.\n", m.Litige.ReviewAt.Format("02/01/2006"))
		return err
	})
}

// replayJournal rebuilds every mandat from the journal and compares.
func replayJournal(ctx context.Context, c call) error {
	return withStore(ctx, c, func(_ config.Config, st *store.Store) error {
		n, err := st.Replay(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, "%d mandat(s) rejoués depuis le journal : tous sont dans l’état qu’il dit.\n", n)
		return err
	})
}

// indexJournal derives again all that pages are answered from.
func indexJournal(ctx context.Context, c call) error {
	if len(c.args) != 0 {
		return errUsage
	}
	return withStore(ctx, c, func(_ config.Config, st *store.Store) error {
		n, err := st.Reindex(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, "%d entrée(s) relues : les listes des recherches, les signaux et les relevés sont refaits.\n", n)
		return err
	})
}

// minute and night pace what runs in the background.
const (
	night       = 24 * time.Hour
	firstNight  = 2 // hours UTC between which the nightly work may start
	lastNight   = 5
	nightlyPace = 10 * time.Minute
)

// pulse writes an entry each period, so that silence is evidence.
func (h *house) pulse(ctx context.Context) {
	if h.cfg.Heartbeat <= 0 {
		return
	}
	tick := time.NewTicker(h.cfg.Heartbeat)
	defer tick.Stop()
	for {
		if err := h.store.Beat(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("heartbeat", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// nightly applies the retention, replays the mandats and verifies the journal, once
// a night. Several instances may do so: the second finds nothing left to erase.
func (h *house) nightly(ctx context.Context) {
	tick := time.NewTicker(nightlyPace)
	defer tick.Stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := h.now().UTC()
		if now.Hour() < firstNight || now.Hour() >= lastNight || now.Sub(last) < night/2 {
			continue
		}
		last = now
		h.night(ctx)
	}
}

func (h *house) night(ctx context.Context) {
	report, err := h.store.Retain(ctx, h.cfg.RetentionAcces, false)
	if err != nil && ctx.Err() == nil {
		h.log.Error("retention", "error", err)
	}
	if _, err := h.store.CloseDay(ctx); err != nil && ctx.Err() == nil {
		h.log.Error("daily summary", "error", err)
	}
	n, err := h.store.Replay(ctx)
	if err != nil && ctx.Err() == nil {
		h.log.Error("replay", "error", err)
	}
	head, err := h.store.CheckJournal(ctx, journal.Systeme())
	if err != nil && ctx.Err() == nil {
		h.log.Error("verify", "error", err)
	}
	h.log.Info("nightly", "verified", head.Size, "replayed", n, "pruned", report.Access, "erased", report.Usagers, "disputes to review", report.Review)
}
