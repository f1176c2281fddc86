package main

import (
	"fmt"
	"math"
	"strings"
)

// row is one line of the table.
type row struct {
	what, wanted string
	before       string // as measured when the benchmark was first there; "": it was not
	now          func(m measured) (text string, reached bool)
}

const (
	window500 = "Sink/window-500-simulator"
	at14      = "Sink/window-500-simulator-interval-14ms"
	atOnce1   = "Sink/at-once-least-smsc-1-bind"
	atOnce2   = "Sink/at-once-least-smsc-2-binds"
	trickle   = "Sink/trickle-200-a-second"
)

var rows = []row{
	{"codec: submit_sm, its response and deliver_sm, encoded and decoded: times gosmpp, at least; allocations", "10; 0", "", func(m measured) (string, bool) {
		r, a := m.leastRatio(`^(En|De)code/`, "/wire", "/gosmpp", "ns/op"), m.most(`^(En|De)code/.*/wire$`, "allocs/op")
		return fmt.Sprintf("%.0f; %.0f", r, a), r >= 10 && a == 0
	}},
	{"session, window 1,000, an SMSC that answers at once: CPU and allocations a message (gosmpp's)", "0.5 µs; 0", "", func(m measured) (string, bool) {
		c, a := m.of("Session/ours", "cpu-ns/op")/1000, m.of("Session/ours", "allocs/op")
		return fmt.Sprintf("%.2f µs; %.0f (%.1f µs; %.0f)", c, a, m.of("Session/gosmpp", "cpu-ns/op")/1000, m.of("Session/gosmpp", "allocs/op")), c < 0.5 && a == 0
	}},
	{"sink, an SMSC that answers at once: records/s, 1 and 2 binds", "", "124,000, 166,000", func(m measured) (string, bool) {
		return fmt.Sprintf("%s, %s", thousands(m.of(atOnce1, "records/s")), thousands(m.of(atOnce2, "records/s"))), true
	}},
	{"the same, of the bare copy at 1,000 records a transaction", "100 %", "184, 246 %", func(m measured) (string, bool) {
		a, b := m.of(atOnce1, "%-of-copy-1k"), m.of(atOnce2, "%-of-copy-1k")
		return fmt.Sprintf("%.0f, %.0f %%", a, b), min(a, b) >= 100
	}},
	{"the same, of the bare copy at its best batch size", "25 %", "13, 18 %", func(m measured) (string, bool) {
		a, b := m.of(atOnce1, "%-of-best-copy"), m.of(atOnce2, "%-of-best-copy")
		return fmt.Sprintf("%.0f, %.0f %% (of %s)", a, b, thousands(m.most(`^Sink/copy-`, "records/s"))), max(a, b) >= 25
	}},
	{"the same, our CPU per 100,000", "1 s", "0.51, 0.46 s", func(m measured) (string, bool) {
		a, b := m.of(atOnce1, "cpu-s/100k"), m.of(atOnce2, "cpu-s/100k")
		return fmt.Sprintf("%.2f, %.2f s", a, b), max(a, b) <= 1
	}},
	{"window 500, answers after 5 to 50 ms: share of what the window allows", "97 %", "98.4 %", func(m measured) (string, bool) {
		v := m.of(window500, "%-of-ceiling")
		return fmt.Sprintf("%.1f %%", v), v >= 97
	}},
	{"the same, answer to visible result, p50 / p99", "15 / 30 ms", "20 / 50 ms", spread(window500, "answer", 15, 30)},
	{"the same with `DELIVERY_COMMIT_INTERVAL=14ms`", "15 / 30 ms", "", spread(at14, "answer", 15, 30)},
	{"trickle of 200 records/s: poll to send, p50 / p99", "8 / 25 ms", "13 / 26 ms", spread(trickle, "send", 8, 25)},
	{"source: deliver_sm durable and answered a second, 1 and 2 binds", "50,000", "", func(m measured) (string, bool) {
		a, b := m.of("Source/storm-1-bind", "delivered/s"), m.of("Source/storm-2-binds", "delivered/s")
		return thousands(a) + ", " + thousands(b), min(a, b) >= 50_000
	}},
	{"source: deliver_sm to its response at 1,000 a second, p99", "30 ms", "", func(m measured) (string, bool) {
		v := m.of("Source/1000-a-second", "p99-response-ms")
		return fmt.Sprintf("%.1f ms", v), v <= 30
	}},
	{"resolver, 10 million outstanding: joins a second", "50,000", "27,500", atLeast("Outstanding", "joins/s", 50_000)},
	{"the same through Kafka, the built binary, 300,000 receipts: a second", "", "", atLeast("Resolver", "receipts/s", 0)},
	{"resolver: built anew, entries a second", "300,000", "223,000", atLeast("Outstanding", "entries/s", 300_000)},
	{"resolver: resident, built anew and joining", "512 MB", "130, 218 MB", func(m measured) (string, bool) {
		a, b := m.of("Outstanding", "fold-peak-rss-MB"), m.of("Outstanding", "join-peak-rss-MB")
		return fmt.Sprintf("%.0f, %.0f MB", a, b), max(a, b) < 512
	}},
	{"resolver: disk an id, before and after 500,000 joins", "100 bytes", "185", func(m measured) (string, bool) {
		a, b := m.of("Outstanding", "disk-B/id"), m.of("Outstanding", "disk-B/id-after")
		return fmt.Sprintf("%.0f, %.0f bytes", a, b), max(a, b) < 100
	}},
	{"growth, CPU a part, of the smallest: 24, 96 partitions", "115 %", "115 to 139, 133 to 165 %", grown("partitions-24", "partitions-96")},
	{"growth: 2, 3 replicas, the sum of all", "115 %", "", grown("replicas-2", "replicas-3")},
	{"growth: 1, 10, 30 SMSCs, most of 1 and 8 binds each", "115 %", "", grown("SMSCs-1-binds-8", "SMSCs-10-binds-[18]", "SMSCs-30-binds-[18]")},
	{"growth: 1,600 characters; 5,000,000 records waiting", "115 %", "", grown("characters-1600", "waiting")},
	{"growth: the smallest once more, which is what runs differ by", "", "", func(m measured) (string, bool) {
		s, _ := grown("smallest-again")(m)
		return s, true
	}},
	{"96 partitions: resident at most", "", "1,434 MB", func(m measured) (string, bool) {
		return fmt.Sprintf("%.0f MB", m.of("Growth/partitions-96", "rss-MB")), true
	}},
	{"at rest, three SMSCs bound: of a core", "1 %", "1.1 %", func(m measured) (string, bool) {
		v := m.of("Rest/three-SMSCs-bound", "cpu-%")
		return fmt.Sprintf("%.2f %%", v), v < 1
	}},
	{"at rest: resident (without the program's own file)", "40 MB", "62 MB", func(m measured) (string, bool) {
		v := m.of("Rest/three-SMSCs-bound", "rss-MB")
		return fmt.Sprintf("%.0f MB (%.0f MB)", v, m.of("Rest/three-SMSCs-bound", "anon-MB")), v < 40
	}},
	{"SMSCs gone, all answers ESME_RTHROTTLED, Kafka gone: of a core", "no busy loop", "", func(m measured) (string, bool) {
		a, b, c := m.of("Rest/all-SMSCs-gone", "cpu-%"), m.of("Rest/throttled", "cpu-%"), m.of("Rest/Kafka-gone", "cpu-%")
		return fmt.Sprintf("%.1f, %.1f, %.1f %%", a, b, c), max(a, b, c) < 10
	}},
	{"start of the process to first submit, in a known group", "2 s", "", func(m measured) (string, bool) {
		v := m.of("Start", "most-to-first-submit-ms")
		return fmt.Sprintf("%.0f ms", v), v < 2000
	}},
	{"image, compressed", "25 MB", "", func(m measured) (string, bool) {
		v := m.of("Image", "image-MB")
		return fmt.Sprintf("%.1f MB", v), v < 25
	}},
}

func spread(name, of string, p50, p99 float64) func(measured) (string, bool) {
	return func(m measured) (string, bool) {
		a, b := m.of(name, "p50-"+of+"-ms"), m.of(name, "p99-"+of+"-ms")
		return fmt.Sprintf("%.1f / %.1f ms", a, b), a < p50 && b < p99
	}
}

func atLeast(name, unit string, least float64) func(measured) (string, bool) {
	return func(m measured) (string, bool) {
		v := m.of(name, unit)
		return thousands(v), v >= least
	}
}

// grown is what a message costs at some sizes, in per cent of the smallest size of the same run.
func grown(sizes ...string) func(measured) (string, bool) {
	return func(m measured) (string, bool) {
		cells, reached := make([]string, len(sizes)), true
		for i, size := range sizes {
			v := m.most("^Growth/"+size+"$", "%-of-smallest")
			cells[i], reached = fmt.Sprintf("%.0f", v), reached && v <= 115
		}
		return strings.Join(cells, ", ") + " %", reached
	}
}

// table is Markdown.
func table(m measured) string {
	var b strings.Builder
	b.WriteString("| what | wanted | before | now | |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		text, reached := r.now(m)
		verdict := ""
		switch {
		case strings.Contains(text, "NaN"):
			text, verdict = "", "not measured"
		case !reached:
			verdict = "**missed**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.what, r.wanted, r.before, text, verdict)
	}
	return b.String()
}

// thousands writes a count with three digits that count.
func thousands(v float64) string {
	if math.IsNaN(v) {
		return "NaN"
	}
	unit := math.Pow(10, math.Max(0, math.Floor(math.Log10(max(v, 1)))-2))
	s := fmt.Sprint(int64(math.Round(v/unit) * unit))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
