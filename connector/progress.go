package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressLine shows how far a command is: a bar on a terminal, elsewhere a line now and then. It is used by one goroutine.
type progressLine struct {
	w    io.Writer
	what string
	bar  *progressbar.ProgressBar // nil: no terminal
	last time.Time
}

const progressEvery = 10 * time.Second

func newProgressLine(w io.Writer, what string) *progressLine {
	p := &progressLine{w: w, what: what, last: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	return p
}

// told is redrive's Progress.
func (p *progressLine) told(looked, of, done int64) {
	if p.bar != nil {
		if p.bar.GetMax64() != of {
			p.bar.ChangeMax64(of)
		}
		_ = p.bar.Set64(min(looked, of)) // a terminal that has gone is no reason to stop
		return
	}
	if now := time.Now(); now.Sub(p.last) >= progressEvery {
		p.last = now
		fmt.Fprintf(p.w, "%s: looked at %d of %d, put back %d\n", p.what, looked, of, done)
	}
}

func (p *progressLine) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
