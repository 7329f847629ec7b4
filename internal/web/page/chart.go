package page

import (
	"fmt"
	"strconv"
	"strings"
)

// Chart is a drawing of numbers with the same numbers in a table below it. It is
// shown by the component "chart": widths are percentages of the page and texts
// keep their size, so that it can be read at 360 pixels, in the dark and on paper.
// Its marks are told apart by more than their colour.
type Chart struct {
	ID, Title string
	Desc      string // the drawing in one or two sentences, for who does not see it
	Height    int    // pixels
	Rules     []ChartRule
	Bars      []ChartBar
	Paths     []ChartPath // the same marks, drawn together: a month of them weighs a fifth
	Texts     []ChartText
	Legend    []ChartKey // empty with one series
	Table     Table
}

// ChartRule is a thin line from side to side.
type ChartRule struct{ Y int }

// ChartBar is one mark. X and Width are percentages; Series is 1, 2…
type ChartBar struct {
	X, Width  string
	Y, Height int
	Series    int
}

// ChartPath is all marks of a series, in the units of [Chart.Plot].
type ChartPath struct {
	Series int
	D      string // as in SVG
}

// ChartText is a text in the drawing. Anchor is "start", "middle" or "end".
type ChartText struct {
	X, Anchor, Text string
	Y               int
}

// ChartKey says what a series is.
type ChartKey struct {
	Series int
	Text   string
}

// Point is one place on a chart: its name, and a value a series. Hrefs lead to
// what was counted; an empty one leads nowhere. Href is of the point itself.
type Point struct {
	Label  string
	Href   string
	Short  string // below the drawing, "" = Label
	Values []int64
	Hrefs  []string
}

// ChartWords are what a chart says of itself.
type ChartWords struct {
	ID, Title string
	Desc      string
	Label     string   // heading of the points in the table, such as « Jour »
	Series    []string // names of the series
}

const (
	chartTop    = 28  // room for the top of the scale
	chartPlot   = 180 // height of the columns
	chartBottom = 26  // room for the first and last labels
	chartRow    = 52  // one bar with its label above it
	chartBar    = 16
	chartSpan   = 2000 // units from side to side of a plot that is stretched to its place
)

// Plot is where the marks of Paths are drawn, as the box of an SVG.
func (Chart) Plot() (p struct{ Top, Width, Height int }) {
	p.Top, p.Width, p.Height = chartTop, chartSpan, chartPlot
	return p
}

// Columns draws points in time as upright columns, a group a point.
func Columns(words ChartWords, points []Point) Chart {
	c := newChart(words, points)
	c.Height = chartTop + chartPlot + chartBottom
	top := highest(points)
	for _, y := range []int{chartTop, chartTop + chartPlot/2, chartTop + chartPlot} {
		c.Rules = append(c.Rules, ChartRule{y})
	}
	c.Texts = append(c.Texts, ChartText{X: "0", Y: chartTop - 8, Anchor: "start", Text: Count(top)})
	band := 100 / float64(max(len(points), 1))
	width := band * 0.8 / float64(max(len(words.Series), 1))
	paths := make([]strings.Builder, len(words.Series))
	for i, p := range points {
		for s, n := range p.Values {
			height := scaled(n, top, chartPlot)
			if n == 0 {
				continue
			}
			c.Bars = append(c.Bars, ChartBar{X: percent(float64(i)*band + band*0.1 + float64(s)*width), Width: percent(width),
				Y: chartTop + chartPlot - height, Height: height, Series: s + 1})
			left, wide := (float64(i)*band+band*0.1+float64(s)*width)*chartSpan/100, width*chartSpan/100
			fmt.Fprintf(&paths[s], "M%.0f %dh%.0fv%dh-%.0fz", left, chartPlot-height, wide, height, wide)
		}
	}
	for s := range paths {
		if paths[s].Len() > 0 {
			c.Paths = append(c.Paths, ChartPath{s + 1, paths[s].String()})
		}
	}
	c.Texts = append(c.Texts, edges(points)...)
	return c
}

// edges writes the first and the last point's names below the drawing.
func edges(points []Point) []ChartText {
	const y = chartTop + chartPlot + 20
	if len(points) == 0 {
		return nil
	}
	texts := []ChartText{{X: "0", Y: y, Anchor: "start", Text: points[0].short()}}
	if last := len(points) - 1; last > 0 {
		texts = append(texts, ChartText{X: "100%", Y: y, Anchor: "end", Text: points[last].short()})
	}
	return texts
}

// Bars draws points as lying bars, the label and the number above each.
func Bars(words ChartWords, points []Point) Chart {
	c := newChart(words, points)
	top := highest(points)
	for i, p := range points {
		y := i * chartRow
		c.Texts = append(c.Texts, ChartText{X: "0", Y: y + 20, Anchor: "start", Text: p.Label + " : " + Count(p.Values[0])})
		width := float64(p.Values[0]) * 100 / float64(top)
		c.Bars = append(c.Bars, ChartBar{X: "0%", Width: percent(max(width, 0.5)), Y: y + 28, Height: chartBar, Series: 1})
	}
	c.Height = max(len(points), 1) * chartRow
	return c
}

func newChart(words ChartWords, points []Point) Chart {
	c := Chart{ID: words.ID, Title: words.Title, Desc: words.Desc}
	c.Table = Table{Caption: words.Title + " : les nombres", Hidden: true, Columns: append([]string{words.Label}, words.Series...)}
	for _, p := range points {
		row := []Cell{{Text: p.Label, Href: p.Href}}
		for s, n := range p.Values {
			cell := Cell{Text: Count(n)} // the columns of a chart's table are all of numbers
			if s < len(p.Hrefs) && n > 0 {
				cell.Href = p.Hrefs[s]
			}
			row = append(row, cell)
		}
		c.Table.Rows = append(c.Table.Rows, row)
	}
	if len(words.Series) > 1 {
		for s, name := range words.Series {
			c.Legend = append(c.Legend, ChartKey{s + 1, name})
		}
	}
	return c
}

func (p Point) short() string {
	if p.Short != "" {
		return p.Short
	}
	return p.Label
}

// highest is the top of the scale: a round number at or above every value.
func highest(points []Point) int64 {
	var top int64
	for _, p := range points {
		for _, n := range p.Values {
			top = max(top, n)
		}
	}
	for step := int64(1); ; step *= 10 {
		for _, round := range []int64{1, 2, 4, 5, 10} {
			if round*step >= top {
				return round * step
			}
		}
		if step >= 1e17 {
			return max(top, 1)
		}
	}
}

// scaled is the height of a value; what is there at all can be seen.
func scaled(n, top int64, height int) int {
	if n <= 0 {
		return 0
	}
	return max(int(float64(n)/float64(top)*float64(height)+0.5), 2)
}

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) + "%" }

// Count is a number in groups of three: « 12 345 », with thin spaces that do not
// break.
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return sign + digits
}
