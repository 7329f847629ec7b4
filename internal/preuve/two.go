package preuve

import (
	"bufio"
	"io"
	"maps"
	"slices"

	"relais/internal/journal"
)

// two is the verification of a bundle of the second version, file by file.
type two struct {
	bundle
	r       io.ReaderAt
	listed  map[string]item
	m       Manifest
	emptied prunes
	follow  *follower
	report  Report
}

// smallMax bounds the files that are read whole.
const smallMax = 1 << 20

// large are the files that are read line by line.
var large = []string{fileEntries, setEntries + extRuns, setEntries + extProofs,
	setPrunes + extLines, setPrunes + extRuns, setPrunes + extProofs, setExport + extRuns, setExport + extProofs, fileExport}

// ofDay are there together or not at all, and are read line by line too.
var ofDay = []string{setDays + extLines, setDays + extRuns, setDays + extProofs, fileHeads}

func verifyTwo(r io.ReaderAt, files []item, vkeys []string, since []byte) (Report, error) {
	b := &two{bundle: bundle{files: map[string][]byte{}}, r: r, listed: map[string]item{}, emptied: prunes{}, follow: newFollower()}
	for _, f := range files {
		b.listed[f.name] = f
	}
	for _, step := range []func() error{
		b.checkNames, func() error { return b.readKeys(vkeys) }, func() error { return b.checkSeal(files) }, b.checkManifest, b.checkCheckpoint,
		b.checkEntries, b.checkPrunes, b.checkExport, b.checkDay, func() error { return b.checkOutside(since, &b.report) },
	} {
		if err := step(); err != nil {
			return Report{}, err
		}
	}
	return b.report, nil
}

// checkNames wants exactly the files there are, and reads the small ones.
func (b *two) checkNames() error {
	needed := append([]string{fileVerify, fileCheckpoint, fileManifest, filePolicy, fileSeal}, large...)
	optional := []string{fileToken, fileConsistency, fileCosigs}
	if _, ok := b.listed[fileHeads]; ok {
		needed = append(needed, ofDay...)
	}
	for _, name := range needed {
		if _, ok := b.listed[name]; !ok {
			return refuse("%s manque", name)
		}
	}
	for name, f := range b.listed {
		switch {
		case slices.Contains(large, name), slices.Contains(ofDay, name) && slices.Contains(needed, name):
			continue
		case !slices.Contains(needed, name) && !slices.Contains(optional, name):
			return refuse("%s est de trop", name)
		case f.size > smallMax:
			return refuse("%s : %d octets", name, f.size)
		}
		data := make([]byte, f.size)
		if _, err := io.ReadFull(b.section(name), data); err != nil {
			return refuse("%s : %v", name, err)
		}
		b.files[name] = data
	}
	return nil
}

func (b *two) section(name string) io.Reader {
	f := b.listed[name]
	return io.NewSectionReader(b.r, f.data(), f.size)
}

// checkSeal holds every file against the signed list.
func (b *two) checkSeal(files []item) error {
	text, err := b.open(fileSeal, b.files[fileSeal])
	if err != nil {
		return err
	}
	var list []listed
	for _, f := range files {
		if f.name != fileSeal {
			list = append(list, listed{f.name, f.sum})
		}
	}
	if err = parseAs(b.files[fileManifest], &b.m, &b.m.Format, Format); err != nil {
		return err
	}
	if sealLines(b.m.Origin, Format, list) != text {
		return refuse("un fichier a été modifié, ajouté ou retiré")
	}
	return nil
}

func (b *two) checkManifest() error {
	want := map[string]string{}
	for _, name := range []string{fileEntries, setEntries + extRuns, setPrunes + extLines, setPrunes + extRuns, filePolicy, fileVerify} {
		want[name] = b.listed[name].sum
	}
	if _, ok := b.listed[fileHeads]; ok {
		for _, name := range []string{setDays + extLines, setDays + extRuns, fileHeads} {
			want[name] = b.listed[name].sum
		}
	}
	if !maps.Equal(want, b.m.Files) {
		return refuse("un fichier n’est pas celui du manifeste")
	}
	if b.m.Complete != b.m.Filter.Complete() {
		return refuse("le manifeste promet plus que ce qui a été demandé")
	}
	b.origin = b.m.Origin
	b.report = Report{Format: b.m.Format, Filter: b.m.Filter, Complete: b.m.Complete, First: -1, Last: -1, Stream: b.m.Stream}
	return nil
}

// walk proves one set.
func (b *two) walk(name string, each func(journal.Row, journal.Record) error) error {
	read := func(ext string) *bufio.Reader { return bufio.NewReaderSize(b.section(name+ext), 2*journal.MaxBody) }
	w := &walk{tree: b.tree, note: b.files[fileCheckpoint], lines: read(extLines), runs: read(extRuns), proofs: read(extProofs), each: each}
	return w.run()
}

// checkEntries proves each entry asked for, and that none is missing where that
// is promised.
func (b *two) checkEntries() error {
	b.report.Checkpoint = b.c
	err := b.walk(setEntries, func(row journal.Row, r journal.Record) error {
		if b.m.Complete == Run && b.report.Count > 0 && row.Index != b.report.Last+1 {
			return refuse("il manque une entrée avant la %d", row.Index)
		}
		if !b.m.Filter.admits(r) {
			return refuse("l’entrée %d ne répond pas à ce qui a été demandé", row.Index)
		}
		if b.report.Count == 0 {
			b.report.First = row.Index
		}
		b.report.Count, b.report.Last = b.report.Count+1, row.Index
		if r.PrunedBy != 0 {
			b.report.Pruned++
			if err := b.emptied.add(r); err != nil {
				return err
			}
		}
		return b.follow.add(row, r, b.m.Complete)
	})
	if err != nil {
		return err
	}
	if b.report.Count != b.m.Count || b.report.Pruned != b.m.Pruned || b.report.First != b.m.First || b.report.Last != b.m.Last {
		return refuse("le manifeste ne décrit pas ces entrées")
	}
	b.report.Mandats, b.report.Whole = len(b.follow.streams), b.follow.whole()
	return b.checkStream()
}

func (b *two) checkStream() error {
	if b.m.Complete != OneMandat {
		if len(b.m.Stream) != 0 {
			return refuse("le manifeste ne décrit pas ces entrées")
		}
		return nil
	}
	s := b.follow.streams[b.m.Filter.Mandat]
	if !slices.Equal(b.m.Stream, []Stream{s}) || s.First != 1 || s.Last != b.m.Count || b.report.Mandats != 1 {
		return refuse("ce ne sont pas toutes les entrées d’un seul mandat, depuis la première")
	}
	return nil
}

// checkPrunes proves the entries under which bodies went, and that they are
// exactly those that the emptied entries name.
func (b *two) checkPrunes() error {
	found := 0
	err := b.walk(setPrunes, func(row journal.Row, r journal.Record) error {
		all, err := b.emptied.check(r)
		if all {
			b.report.Bound += b.emptied[r.Index].Count()
		}
		found++
		return err
	})
	if err == nil && found != len(b.emptied) {
		err = refuse("une entrée journal.prune manque")
	}
	return err
}

// checkExport proves the entry of the export: it names this manifest, stands
// above what it exports and, for a mandat, follows the last entry.
func (b *two) checkExport() error {
	found := 0
	err := b.walk(setExport, func(_ journal.Row, r journal.Record) error {
		b.report.Export = r
		found++
		return nil
	})
	r := b.report.Export
	if err != nil {
		return err
	}
	if found != 1 || r.Action != journal.JournalExport || r.Outcome != journal.OK || r.PrunedBy != 0 || r.Index <= b.m.Last ||
		r.Details["manifeste_sha256"] != digest(b.files[fileManifest]) {
		return refuse("le journal n’a pas enregistré cet export")
	}
	if b.m.Complete != OneMandat {
		return nil
	}
	return follows(r, b.m.Stream[0])
}

// checkDay proves the daily summary, and that the list beside it is the one it
// holds the digest of.
func (b *two) checkDay() error {
	heads, ok := b.listed[fileHeads]
	if !ok {
		return nil
	}
	found := 0
	err := b.walk(setDays, func(_ journal.Row, r journal.Record) error {
		found++
		if b.report.Day, ok = r.Day(); !ok || b.report.Day.Digest != heads.sum {
			return refuse("stream-heads.json n’est pas la liste que résume l’entrée %d", r.Index)
		}
		return nil
	})
	if err == nil && found != 1 {
		err = refuse("le résumé du jour manque")
	}
	return err
}

// admits holds an entry against what can be read of a selection in the entry
// itself. Dates only choose among entries beside another criterion: alone they
// bound a run, in which a clock may have stepped back. The rest (actor, structure, usager, domaine, service) is the operator's
// word: entries hold opaque references.
func (s Selection) admits(r journal.Record) bool {
	return (s.Entry == nil || *s.Entry == r.Index) && (s.Mandat == "" || s.Mandat == r.Mandat) &&
		(s.Action == "" || s.Action == string(r.Action)) &&
		(s.Outcome == "" || s.Outcome == string(r.Outcome)) &&
		(s.Complete() != Partial || s.Filter().In(r.At))
}
