package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxTroubles bounds what is kept of the log for the status page.
const maxTroubles = 20

// maxTroubleText is the longest line of it, in bytes; the log has the whole.
const maxTroubleText = 400

// troubles are the last warnings and errors of the log. What the log may not hold (texts, numbers, secrets) is not in them either.
type troubles struct {
	mu   sync.Mutex
	last []trouble // oldest first
}

type trouble struct {
	at    time.Time // of the last
	level slog.Level
	text  string
	times int
}

func (t *troubles) add(at time.Time, level slog.Level, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := trouble{at: at, level: level, text: text, times: 1}
	// What is said again and again must not push out what was said once.
	if i := slices.IndexFunc(t.last, func(o trouble) bool { return o.text == text }); i >= 0 {
		now.times += t.last[i].times
		t.last = slices.Delete(t.last, i, i+1)
	}
	if len(t.last) == maxTroubles {
		t.last = slices.Delete(t.last, 0, 1)
	}
	t.last = append(t.last, now)
}

// newest are they, the last one first.
func (t *troubles) newest() []trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.Clone(t.last)
	slices.Reverse(all)
	return all
}

// troubleLog is a log whose warnings and errors are kept as well.
type troubleLog struct {
	slog.Handler
	kept  *troubles
	attrs []slog.Attr
}

func (h troubleLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		h.kept.add(r.Time, r.Level, h.words(r))
	}
	return h.Handler.Handle(ctx, r)
}

func (h troubleLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = append(slices.Clip(h.attrs), attrs...)
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

func (h troubleLog) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

// words are a line for people: what, why, and then where.
func (h troubleLog) words(r slog.Record) string {
	var why string
	var where []string
	each := func(a slog.Attr) bool {
		value := printable(fmt.Sprint(a.Value.Resolve().Any()))
		if a.Key == "error" {
			why = ": " + value
		} else if value != "" {
			where = append(where, strings.ReplaceAll(a.Key, "_", " ")+" "+value)
		}
		return true
	}
	for _, a := range h.attrs {
		each(a)
	}
	r.Attrs(each)
	text := printable(r.Message) + why
	if len(where) > 0 {
		text += " (" + strings.Join(where, ", ") + ")"
	}
	if len(text) > maxTroubleText {
		text = strings.ToValidUTF8(text[:maxTroubleText], "") + "…"
	}
	return text
}
