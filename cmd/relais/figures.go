package main

import (
	"context"
	"time"

	"relais/internal/journal"
	"relais/internal/scellement"
	"relais/internal/web"
)

// figures are what /metrics tells of the journal. What is not known is left out.
func (h *house) figures() []web.Figure {
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	out := sealFigures(h.sealer.State())
	head, err := h.store.Head(ctx)
	if err != nil {
		return append(out, web.Figure{Name: "relais_journal_entries", Help: "Entries in the journal, -1 when it cannot be read.", Value: -1})
	}
	out = append(out, web.Figure{Name: "relais_journal_entries", Help: "Entries in the journal, -1 when it cannot be read.", Value: float64(head.Size)})
	if v, err := h.store.Vitals(ctx); err == nil {
		out = append(out, vitalFigures(v)...)
	}
	return out
}

func sealFigures(s scellement.State) []web.Figure {
	_, epoch := journal.SplitOrigin(s.Last.Origin)
	out := []web.Figure{
		{Name: "relais_journal_sealing", Help: "0 while Relais refuses to sign the journal, or cannot.", Value: yes(s.Refusal == nil)},
		{Name: "relais_journal_sealed_entries", Help: "Entries under the last signed checkpoint.", Value: float64(s.Progress.Sealed)},
		{Name: "relais_journal_cosigned_entries", Help: "Entries that enough witnesses cosigned.", Value: float64(s.Progress.Cosigned)},
		{Name: "relais_journal_stamped_entries", Help: "Entries under a time token.", Value: float64(s.Progress.Stamped)},
	}
	if s.Last.Size > 0 {
		out = append(out, web.Figure{Name: "relais_journal_epoch", Help: "Epoch of the journal; above 1, entries were lost once.", Value: float64(epoch)},
			since("relais_journal_checkpoint_timestamp_seconds", "When the last checkpoint was signed.", s.Last.At))
	}
	if !s.StampedAt.IsZero() {
		out = append(out, since("relais_journal_stamp_timestamp_seconds", "When the last time token was given.", s.StampedAt))
	}
	for name, said := range s.Witnesses {
		out = append(out, web.Figure{Name: "relais_journal_witness_up", Help: "1 when the witness cosigned last time.", Label: "witness", Of: name, Value: yes(said == "")})
	}
	for name, c := range s.Clocks {
		out = append(out, web.Figure{Name: "relais_clock_offset_seconds", Help: "A clock outside less ours, at its last answer.", Label: "source", Of: name, Value: c.Ahead.Seconds()})
	}
	return out
}

func vitalFigures(v journal.Vitals) []web.Figure {
	out := []web.Figure{
		{Name: "relais_journal_unnumbered_entries", Help: "Entries committed and not in the tree yet.", Value: float64(v.Waiting)},
		{Name: "relais_journal_unnumbered_seconds", Help: "How long the oldest of them has waited.", Value: v.WaitedFor.Seconds()},
		{Name: "relais_journal_follower_lag_entries", Help: "Entries that searches do not find by their facets yet.", Value: float64(v.Behind)},
		{Name: "relais_journal_unread_entries", Help: "Entries that followers passed over, since they could not be read.", Value: float64(v.Unread)},
	}
	for name, r := range map[string]journal.Record{"verified": v.Verified, "replayed": v.Replayed} {
		if r.Action != "" {
			out = append(out, since("relais_journal_"+name+"_timestamp_seconds", "When the whole journal was last "+name+".", r.At),
				web.Figure{Name: "relais_journal_" + name + "_ok", Help: "1 when it held.", Value: yes(r.Outcome == journal.OK)})
		}
	}
	if v.Beat.Action != "" {
		out = append(out, since("relais_journal_heartbeat_timestamp_seconds", "When Relais last wrote that it runs.", v.Beat.At))
	}
	return out
}

func since(name, help string, at time.Time) web.Figure {
	return web.Figure{Name: name, Help: help, Value: float64(at.UnixMilli()) / 1000}
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
