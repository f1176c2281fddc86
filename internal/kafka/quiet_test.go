package kafka

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"
)

func TestWhatTheClientRepeatsWhileKafkaIsAwayIsToldOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		q := newQuiet(kslog.New(slog.New(slog.NewTextHandler(&out, nil))))
		for range 5 * 60 * 4 {
			q.Log(kgo.LogLevelError, "group manage loop errored")
			q.Log(kgo.LogLevelWarn, "unable to open connection to broker")
			time.Sleep(250 * time.Millisecond)
		}
		q.Log(kgo.LogLevelError, "another")
		if n := strings.Count(out.String(), "manage loop"); n != 5 {
			t.Errorf("told %d times in five minutes, and four times a second it happened:\n%s", n, out.String())
		}
		if !strings.Contains(out.String(), "another") || strings.Contains(out.String(), "unable to open") {
			t.Errorf("told:\n%s", out.String())
		}
	})
}
