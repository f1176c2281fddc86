package admin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Lasting writes seconds as people say them: 250 ms, 4.2 s, 12 min, 3.5 h.
func Lasting(seconds float64) string {
	short := func(f float64, unit string) string {
		decimals := 0
		if f < 9.95 {
			decimals = 1
		}
		return strings.TrimSuffix(strconv.FormatFloat(f, 'f', decimals, 64), ".0") + " " + unit
	}
	switch {
	case seconds < 0.9995:
		return strconv.FormatFloat(1000*seconds, 'f', 0, 64) + " ms"
	case seconds < 99.5:
		return short(seconds, "s")
	case seconds < 100*60:
		return short(seconds/60, "min")
	}
	return short(seconds/3600, "h")
}

// drawing is a Curve as page.templ draws it: time to the right, by its logarithm, and the share upwards.
type drawing struct {
	Label  string
	Line   string // points of a polyline
	Across []tick // times
	Up     []tick // shares
	Width, Height,
	Left, Right, Top, Bottom float64
}

type tick struct {
	At   float64
	Text string
}

// The drawing's own units; it is scaled to the place that it has, and still readable at 320 pixels.
const (
	drawnWidth, drawnHeight = 360.0, 150.0
	drawnLeft, drawnRight   = 40.0, 334.0
	drawnTop, drawnBottom   = 10.0, 122.0
)

// marks are the times that may stand below, with room between two of them.
var marks = []float64{.01, .1, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600, 72 * 3600}

// draw leaves out what no logarithm has. Without two points there is nothing to draw.
func draw(c *Curve) *drawing {
	if c == nil {
		return nil
	}
	var points []Point
	for _, p := range c.Points {
		if p.Seconds > 0 && !math.IsInf(p.Seconds, 0) && p.Share >= 0 && p.Share <= 1 && (len(points) == 0 || p.Seconds > points[len(points)-1].Seconds) {
			points = append(points, p)
		}
	}
	if len(points) < 2 {
		return nil
	}
	low, high := math.Log(points[0].Seconds), math.Log(points[len(points)-1].Seconds)
	x := func(seconds float64) float64 {
		return drawnLeft + (drawnRight-drawnLeft)*(math.Log(seconds)-low)/(high-low)
	}
	y := func(share float64) float64 { return drawnBottom - (drawnBottom-drawnTop)*share }
	d := &drawing{Label: c.Label, Width: drawnWidth, Height: drawnHeight, Left: drawnLeft, Right: drawnRight, Top: drawnTop, Bottom: drawnBottom}
	at := make([]string, len(points))
	for i, p := range points {
		at[i] = fmt.Sprintf("%.1f,%.1f", x(p.Seconds), y(p.Share))
	}
	d.Line = strings.Join(at, " ")
	for _, share := range []float64{.5, .9, .99} {
		d.Up = append(d.Up, tick{y(share), strconv.FormatFloat(100*share, 'f', 0, 64) + " %"})
	}
	d.Up[2].Text = "" // too near to 90 % for a name of its own; the table has it
	for _, m := range marks {
		if at := x(m); at >= drawnLeft && at <= drawnRight && (len(d.Across) == 0 || at-d.Across[len(d.Across)-1].At > 36) {
			d.Across = append(d.Across, tick{at, Lasting(m)})
		}
	}
	return d
}
