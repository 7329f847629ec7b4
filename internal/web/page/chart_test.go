package page_test

import (
	"testing"

	"relais/internal/web/page"
)

func TestColumns(t *testing.T) {
	words := page.ChartWords{ID: "c", Title: "Usages", Desc: "d", Label: "Jour", Series: []string{"Utilisations", "Signatures"}}
	c := page.Columns(words, []page.Point{
		{Label: "1er mars 2026", Short: "1er mars", Values: []int64{3, 0}, Hrefs: []string{"/a", "/b"}},
		{Label: "2 mars 2026", Short: "2 mars", Values: []int64{1, 1234}, Hrefs: []string{"/c", "/d"}},
	})
	if len(c.Bars) != 3 || c.Bars[0].X != "5.00%" || c.Bars[0].Width != "20.00%" || c.Bars[0].Series != 1 {
		t.Errorf("bars %+v", c.Bars)
	}
	if small := c.Bars[0]; small.Height != 2 || small.Y+small.Height != 208 {
		t.Errorf("a small value cannot be seen: %+v", small)
	}
	if c.Texts[0].Text != "2\u202f000" {
		t.Errorf("top of the scale %q", c.Texts[0].Text)
	}
	rows := c.Table.Rows
	if len(rows) != 2 || rows[0][1].Href != "/a" || rows[0][2].Href != "" || rows[1][2].Text != "1\u202f234" || rows[1][2].Href != "/d" {
		t.Errorf("table %+v", rows)
	}
	if len(c.Legend) != 2 {
		t.Errorf("legend %+v", c.Legend)
	}
}

func TestBars(t *testing.T) {
	words := page.ChartWords{ID: "c", Title: "Domaines", Desc: "d", Label: "Domaine", Series: []string{"Utilisations"}}
	c := page.Bars(words, []page.Point{{Label: "Logement", Values: []int64{4}}, {Label: "Social", Values: []int64{1}}})
	if c.Bars[0].Width != "100.00%" || c.Bars[1].Width != "25.00%" || c.Height != 104 || len(c.Legend) != 0 {
		t.Errorf("%+v", c)
	}
	if empty := page.Bars(words, nil); len(empty.Bars) != 0 || empty.Height == 0 {
		t.Errorf("%+v", empty)
	}
	if empty := page.Columns(words, nil); len(empty.Bars) != 0 {
		t.Errorf("%+v", empty)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567", -1234: "−1\u202f234"} {
		if got := page.Count(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
