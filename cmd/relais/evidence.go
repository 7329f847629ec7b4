package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"relais/internal/journal"
	"relais/internal/preuve"
	"relais/internal/scellement"
	"relais/internal/store"
)

// exportWords is what a person says of the entries to export.
type exportWords struct {
	entry                                   int64
	form                                    preuve.Form
	mandat, from, to, acteur, action, issue string
}

func (w *exportWords) flags(fs *flag.FlagSet) {
	fs.Int64Var(&w.entry, "entree", -1, "")
	fs.StringVar((*string)(&w.form), "format", string(preuve.Evidence), "")
	for name, to := range map[string]*string{"mandat": &w.mandat, "from": &w.from, "to": &w.to, "acteur": &w.acteur, "action": &w.action, "issue": &w.issue} {
		fs.StringVar(to, name, "", "")
	}
}

// selection turns the words into a filter. Days are UTC days, the last one
// included. Nothing asked is a mistake, not the whole journal.
func (w *exportWords) selection(ctx context.Context, st *store.Store) (preuve.Selection, error) {
	if !slices.Contains(preuve.Forms(), w.form) {
		return preuve.Selection{}, errUsage
	}
	s := preuve.Selection{Actor: w.acteur, Action: w.action, Outcome: w.issue}
	if w.entry >= 0 {
		s.Entry = &w.entry
	}
	if w.action != "" && !slices.Contains(journal.Actions(), journal.Action(w.action)) {
		return s, fmt.Errorf("action inconnue : %q", w.action)
	}
	if w.mandat != "" {
		m, err := st.MandatByNumber(ctx, mandatNumber(w.mandat))
		if err != nil {
			return s, err
		}
		s.Mandat, s.Number = m.ID, m.Number
	}
	if w.from != "" || w.to != "" {
		first, errFrom := time.Parse(time.DateOnly, w.from)
		last, errTo := time.Parse(time.DateOnly, w.to)
		if errFrom != nil || errTo != nil || last.Before(first) {
			return s, errors.New("la période s’écrit --from 2026-11-01 --to 2026-11-30")
		}
		s.From, s.To = first, last.AddDate(0, 0, 1)
	}
	if len(s.Names()) == 0 || s.Entry != nil && len(s.Names()) > 1 {
		return s, errUsage
	}
	return s, nil
}

// handOver makes an export and writes it to a new file. One that cannot be
// written leaves an entry that says so.
func handOver(ctx context.Context, c call, x scellement.Exporter, r scellement.Request, out string) error {
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("%s existe déjà : choisissez un autre nom", out)
	}
	e, err := x.Make(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }() // a scratch file
	if err := writeNew(out, e.Reader()); err != nil {
		return errors.Join(err, x.Failed(ctx, r, e))
	}
	if e.Warning != "" {
		fmt.Fprintf(c.stderr, "Attention : %s\n", e.Warning)
	}
	what := "Preuve écrite"
	if r.Form != preuve.Evidence {
		what = "Export écrit"
	}
	_, err = fmt.Fprintf(c.stdout, "%s dans %s (%d entrées, %d octets). L’export est lui-même l’entrée %d du journal.\n", what, out, e.Count, e.Size, e.Index)
	return err
}

// tell says what a bundle proves and what it does not.
func tell(w io.Writer, r preuve.Report, now time.Time) error {
	say := func(format string, args ...any) { fmt.Fprintf(w, "  ✓ "+format+"\n", args...) }
	say("journal %s, point de contrôle à %d entrées, signé par la clé donnée", r.Checkpoint.Origin, r.Checkpoint.Size)
	say("%d entrée(s), chacune prouvée dans ce journal", r.Count)
	if r.Pruned > 0 {
		say("dont %d par leur empreinte seule : leur contenu a été supprimé au terme de sa durée, sous des entrées qui sont dans ce fichier", r.Pruned)
	}
	switch {
	case r.Complete == preuve.OneMandat:
		say("toutes celles du mandat %s, de la première à l’export (numéros 1 à %d, sans manque)", r.Filter.Number, r.Stream[0].Last)
	case r.Complete == preuve.Run && r.Count > 0:
		say("toutes celles des rangs %d à %d, sans manque", r.First, r.Last)
	}
	say("cet export est l’entrée %d du journal, du %s", r.Export.Index, r.Export.At.Format(time.RFC3339))
	if r.Since != nil {
		say("le journal prolonge le point de contrôle de %d entrées : rien n’a été réécrit depuis", r.Since.Size)
	}
	if r.Day.Index > 0 {
		say("le résumé du jour (entrée %d, %s) : où en étaient les compteurs de %d mandat(s), dans stream-heads.json", r.Day.Index, r.Day.Jour, r.Day.Count)
	}
	for _, name := range r.Witnesses {
		say("cosigné par le témoin %s", name)
	}
	if !r.Stamp.Time.IsZero() {
		say("horodaté au plus tard le %s par « %s » (autorité à vérifier : openssl ts -verify, voir VERIFY.md)", r.Stamp.Time.Format(time.RFC3339), r.Stamp.Authority)
	}
	return tellLimits(w, r, now)
}

// tellLimits says what is not shown.
func tellLimits(w io.Writer, r preuve.Report, now time.Time) error {
	var b strings.Builder
	if r.Complete == preuve.Partial {
		fmt.Fprintf(&b, "  ! Ces entrées répondent à plusieurs critères (%s) : chacune est prouvée, mais qu’il n’en manque aucune ne peut pas l’être.\n",
			strings.Join(r.Filter.Names(), ", "))
		fmt.Fprintf(&b, "    %d mandat(s) suivis, dont %d présents depuis leur première entrée et sans trou.\n", r.Mandats, r.Whole)
	}
	if !r.Stamp.Until.IsZero() && now.After(r.Stamp.Until) {
		fmt.Fprintf(&b, "  ! Le certificat de l’autorité d’horodatage a pris fin le %s : la date ne vaut plus que si elle a été vérifiée ou renouvelée avant.\n",
			r.Stamp.Until.Format(time.DateOnly))
	}
	b.WriteString("La preuve tient. Elle n’établit ni que ce qui a été enregistré est vrai, ni ce qui s’est passé après.\n")
	if r.Since == nil {
		b.WriteString("Sans point de contrôle plus ancien (--since), elle ne montre pas que le passé n’a pas été réécrit avant cet export.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
