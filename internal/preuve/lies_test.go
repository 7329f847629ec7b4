package preuve_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/preuve"
)

// caught says why each lie is refused by whoever verifies, in the words of the
// check that is there for it: a lie caught by another one tests nothing.
var caught = map[string]string{
	"without the mandat's last entry":                "il manque des entrées du mandat à la fin",
	"without the mandat's first entry":               "depuis la première",
	"without one in the middle":                      "le fil du mandat est rompu (numéro 4 après 2)",
	"another mandat's entry":                         "ne répond pas à ce qui a été demandé",
	"an entry written meanwhile":                     "il manque des entrées du mandat à la fin",
	"a gap in a period":                              "il manque une entrée avant la 3",
	"an entry twice":                                 "les rangs 1 à 1 n’ont pas de place",
	"an entry after a later one":                     "les rangs 1 à 1 n’ont pas de place",
	"an entry before the dates asked":                "ne répond pas à ce qui a été demandé",
	"an entry after the dates asked":                 "ne répond pas à ce qui a été demandé",
	"an emptied entry outside the dates asked":       "ne répond pas à ce qui a été demandé",
	"an entry of another kind":                       "ne répond pas à ce qui a été demandé",
	"an entry that never was":                        "les entrées 1 à 3 ne sont pas dans le journal",
	"an entry under another index":                   "les entrées 7 à 7 ne sont pas dans le journal",
	"another manifest than the one recorded":         "le journal n’a pas enregistré cet export",
	"a manifest that promises more":                  "le manifeste promet plus",
	"another list of that day":                       "n’est pas la liste que résume",
	"a day that is no day":                           "n’est pas la liste que résume",
	"a root of another tree":                         "ne sont pas dans le journal",
	"another origin":                                 "d’un autre journal",
	"another entry as the export's":                  "le journal n’a pas enregistré cet export",
	"an export written before what it exports":       "le journal n’a pas enregistré cet export",
	"an export recorded twice":                       "le journal n’a pas enregistré cet export",
	"a token over something else":                    "jeton d’horodatage",
	"a cosignature of nobody":                        "cosignature",
	"an emptied entry with another leaf":             "les entrées 3 à 3 ne sont pas dans le journal",
	"evidence passed off as emptied":                 "le contenu de l’entrée de preuve 3 (mandat.revoke) a été supprimé",
	"an emptied entry of another action":             "n’est pas celle qui a supprimé",
	"an emptied entry of another date":               "n’est pas celle qui a supprimé",
	"emptied under nothing":                          "une entrée journal.prune manque",
	"half of it emptied under nothing":               "une entrée journal.prune manque",
	"emptied under an entry that says no such thing": "n’est pas celle qui a supprimé",
	"emptied under an entry that emptied others":     "n’est pas celle qui a supprimé",
	"a deletion that emptied nothing here":           "l’entrée 3 n’a rien à faire ici",
}

// TestLies: whoever holds the key can still not leave out, change, add or empty
// an entry unseen: neither with the program that gathers, nor with one that
// checks nothing, where the verifier stands alone.
func TestLies(t *testing.T) {
	bent := func(l *liar, bend func(*preuve.Sealing)) lie {
		return lie{filter: everything, rows: l.rows[:4:4], bend: bend}
	}
	emptied := func(l *liar, change func(rows []journal.Row, under *journal.Row)) lie {
		rows, under := l.empty(odd(l))
		change(rows, &under)
		return lie{filter: ofMandat, rows: rows, prunes: []journal.Row{under}}
	}
	for what, tale := range map[string]func(l *liar) lie{
		"without the mandat's last entry":  func(l *liar) lie { return lie{filter: ofMandat, rows: odd(l)[:5]} },
		"without the mandat's first entry": func(l *liar) lie { return lie{filter: ofMandat, rows: odd(l)[1:]} },
		"without one in the middle":        func(l *liar) lie { return lie{filter: ofMandat, rows: append(odd(l)[:2], odd(l)[3:]...)} },
		"another mandat's entry":           func(l *liar) lie { return lie{filter: preuve.Selection{Mandat: "m-2"}, rows: odd(l)} },
		"an entry written meanwhile": func(l *liar) lie {
			return lie{filter: ofMandat, rows: odd(l), between: func() {
				l.add(journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat"}).OfMandat("m-1"))
			}}
		},
		"a gap in a period": func(l *liar) lie { return lie{filter: everything, rows: odd(l)} },
		"an entry twice": func(l *liar) lie {
			return lie{filter: preuve.Selection{Action: "mandat.view"}, rows: []journal.Row{l.rows[1], l.rows[1]}}
		},
		"an entry after a later one": func(l *liar) lie {
			return lie{filter: preuve.Selection{Action: "mandat.view"}, rows: []journal.Row{l.rows[4], l.rows[1]}}
		},
		"an entry before the dates asked": func(l *liar) lie {
			return lie{filter: preuve.Selection{Action: "mandat.view", From: nine(3)}, rows: l.rows[2:6]}
		},
		"an entry after the dates asked": func(l *liar) lie { // which are excluded at their end
			return lie{filter: preuve.Selection{Action: "mandat.view", From: nine(2), To: nine(5)}, rows: l.rows[2:6]}
		},
		"an emptied entry outside the dates asked": func(l *liar) lie {
			rows, under := l.empty(odd(l))
			return lie{filter: preuve.Selection{Mandat: "m-1", To: nine(11)}, rows: rows, prunes: []journal.Row{under}}
		},
		"an entry of another kind": func(l *liar) lie {
			return lie{filter: preuve.Selection{Action: "mandat.print"}, rows: []journal.Row{l.rows[1]}}
		},
		"an entry that never was": func(l *liar) lie {
			row := l.rows[2]
			row.Body = bytes.Replace(row.Body, []byte("e-2"), []byte("e-9"), 1)
			row.Leaf = journal.Leaf(row.Body)
			return lie{filter: everything, rows: []journal.Row{l.rows[1], row, l.rows[3]}}
		},
		"an entry under another index": func(l *liar) lie {
			row := l.rows[2]
			row.Index = 7
			return lie{filter: preuve.Selection{Action: "mandat.view"}, rows: []journal.Row{row}}
		},
		"another manifest than the one recorded": func(l *liar) lie {
			return lie{filter: everything, rows: l.rows[:4:4], another: func([]byte) []byte { return []byte("{}") }}
		},
		"a manifest that promises more": func(l *liar) lie {
			x := lie{filter: preuve.Selection{Action: "mandat.view"}, rows: odd(l)}
			x.another = func(m []byte) []byte {
				return bytes.Replace(m, []byte(`"complete": "no"`), []byte(`"complete": "run"`), 1)
			}
			x.bend = func(p *preuve.Sealing) { p.Manifest = x.another(p.Manifest) }
			return x
		},
		"another list of that day": func(l *liar) lie {
			row := l.add(journal.CloseDay("2026-11-22", 0, 11, nil).Fact())
			heads := []journal.StreamHead{{Mandat: "m-1", Seq: 6, Leaf: l.rows[11].Leaf}}
			return lie{filter: everything, rows: l.rows[:12:12], day: func() (journal.Row, []byte) { return row, journal.EncodeHeads(heads) }}
		},
		"a day that is no day": func(l *liar) lie {
			return lie{filter: everything, rows: l.rows[:12:12], day: func() (journal.Row, []byte) { return l.rows[3], journal.EncodeHeads(nil) }}
		},
		"a root of another tree": func(l *liar) lie {
			return bent(l, func(p *preuve.Sealing) { p.Checkpoint.Root[0] ^= 1; p.Checkpoint.Note, _ = p.Checkpoint.Sign(l.signer) })
		},
		"another origin": func(l *liar) lie {
			return bent(l, func(p *preuve.Sealing) {
				p.Checkpoint.Origin = "autre.example"
				p.Checkpoint.Note, _ = p.Checkpoint.Sign(l.signer)
			})
		},
		"another entry as the export's": func(l *liar) lie { return bent(l, func(p *preuve.Sealing) { p.Export = l.rows[5] }) },
		"an export written before what it exports": func(l *liar) lie {
			view := journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat"})
			later := l.entry(13, view) // 12 is the export's
			return lie{filter: preuve.Selection{Action: "mandat.view"}, rows: []journal.Row{l.rows[1], later}, after: func() { l.put(later, view) }}
		},
		"an export recorded twice":    func(l *liar) lie { return lie{filter: everything, rows: l.rows[:4:4], twice: true} },
		"a token over something else": func(l *liar) lie { return bent(l, func(p *preuve.Sealing) { p.Token = []byte{0x30, 0x00} }) },
		"a cosignature of nobody": func(l *liar) lie {
			return bent(l, func(p *preuve.Sealing) { p.Cosignatures = []byte("— t AAAAAAAA\n") })
		},
		"an emptied entry with another leaf": func(l *liar) lie {
			return emptied(l, func(rows []journal.Row, _ *journal.Row) { rows[1].Leaf[3] ^= 1 })
		},
		"evidence passed off as emptied": func(l *liar) lie {
			return emptied(l, func(rows []journal.Row, _ *journal.Row) { rows[1].Copies.Action = journal.MandatRevoke })
		},
		"an emptied entry of another action": func(l *liar) lie {
			return emptied(l, func(rows []journal.Row, _ *journal.Row) { rows[1].Copies.Action = journal.MandatPrint })
		},
		"an emptied entry of another date": func(l *liar) lie {
			return emptied(l, func(rows []journal.Row, _ *journal.Row) { rows[1].Copies.At = rows[1].Copies.At.Add(time.Hour) })
		},
		"emptied under nothing": func(l *liar) lie {
			rows, _ := l.empty(odd(l))
			return lie{filter: ofMandat, rows: rows}
		},
		"half of it emptied under nothing": func(l *liar) lie {
			one, under := l.empty(odd(l)[:2])
			other, _ := l.empty(odd(l)[2:6])
			return lie{filter: ofMandat, rows: append(one, other...), prunes: []journal.Row{under}}
		},
		"emptied under an entry that says no such thing": func(l *liar) lie {
			return emptied(l, func(rows []journal.Row, under *journal.Row) {
				*under = l.add(journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat"}))
				for i := range rows {
					rows[i].PrunedBy, rows[i].Copies.PrunedBy = under.Index, under.Index
				}
			})
		},
		"a deletion that emptied nothing here": func(l *liar) lie {
			rows, under := l.empty(odd(l))
			return lie{filter: ofMandat, rows: rows, prunes: []journal.Row{l.rows[3], under}}
		},
		"emptied under an entry that emptied others": func(l *liar) lie {
			rows, _ := l.empty(odd(l))
			for i := range rows {
				rows[i].PrunedBy, rows[i].Copies.PrunedBy = rows[i].PrunedBy+1, rows[i].PrunedBy+1
			}
			_, other := l.empty(l.rows[:1])
			return lie{filter: ofMandat, rows: rows, prunes: []journal.Row{other}}
		},
	} {
		l := newLiar(t)
		bundle, err := l.tell(tale(l))
		if err == nil {
			_, err = preuve.Verify(bundle, []string{l.vkey}, nil)
		}
		if !errors.Is(err, preuve.ErrBundle) {
			t.Errorf("%s: %v", what, err)
		}
		l = newLiar(t)
		_, err = preuve.Verify(l.forge(tale(l)), []string{l.vkey}, nil)
		if says := caught[what]; !errors.Is(err, preuve.ErrBundle) || says == "" || !strings.Contains(err.Error(), says) {
			t.Errorf("%s, built unchecked: %v, want %q", what, err, says)
		}
	}
}

// TestPythonReadsTheDates: so does the code that is not ours.
func TestPythonReadsTheDates(t *testing.T) {
	chosen := func(from, to time.Time) preuve.Selection {
		return preuve.Selection{Action: "mandat.view", Outcome: "ok", From: from, To: to}
	}
	var none time.Time
	paris := time.FixedZone("", 3600)
	for what, x := range map[string]struct {
		asked preuve.Selection
		fits  bool
	}{
		"within": {chosen(nine(2), nine(6)), true}, "to the nanosecond": {chosen(nine(2), nine(5).Add(1)), true}, "elsewhere": {chosen(nine(2).In(paris), nine(6)), true},
		"no bounds": {chosen(none, none), true}, "before": {chosen(nine(3), none), false}, "a nanosecond before": {chosen(nine(2).Add(1), nine(6)), false},
		"after": {chosen(none, nine(5)), false}, "another outcome": {preuve.Selection{Outcome: "denied"}, false},
		"another action": {preuve.Selection{Action: "mandat.print"}, false}, "another mandat": {preuve.Selection{Mandat: "m-1", Outcome: "ok"}, false},
	} {
		l := newLiar(t)
		bundle, path := l.forge(lie{filter: x.asked, rows: l.rows[2:6]}), t.TempDir()+"/p.zip"
		if err := os.WriteFile(path, bundle, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("python3", golden+"verify.py", path, l.vkey).CombinedOutput()
		if _, ours := preuve.Verify(bundle, []string{l.vkey}, nil); (ours == nil) != x.fits || (err == nil) != x.fits ||
			!x.fits && !strings.Contains(string(out), "is not what was asked") {
			t.Errorf("%s: we say %v, python3 says %s (%v)", what, ours, out, err)
		}
	}
}
