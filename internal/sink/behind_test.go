package sink

import (
	"strings"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
)

// owned is a partition of which commits up to the fifth are confirmed, with C at 2 and a record granted there.
func owned(t *testing.T) (*Sink, *partition) {
	t.Helper()
	s, p := writing(t)
	if err := p.ledger.SetTopic("topic-id"); err != nil {
		t.Fatal(err)
	}
	sentOne(t, s, p, 0)
	sentOne(t, s, p, 1)
	gathered(s)
	p.n, p.committed = 5, kafka.OffsetMeta{Offset: 2, Metadata: "v1;n=5;t=x;i=topic-id"}
	return s, p
}

func TestCommitsThatKafkaHasForgottenAreNotTakenForTheLast(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		om    kafka.OffsetMeta
		topic string
		kept  bool
	}{
		"none at all":           {kafka.OffsetMeta{Offset: -1}, "topic-id", true},
		"an older one":          {kafka.OffsetMeta{Offset: 0, Metadata: "v1;n=3;t=x;i=topic-id"}, "topic-id", true},
		"ours":                  {kafka.OffsetMeta{Offset: 2, Metadata: "v1;n=5;t=x;i=topic-id"}, "topic-id", true},
		"another's, later":      {kafka.OffsetMeta{Offset: 2, Metadata: "v1;n=6;t=y;i=topic-id"}, "topic-id", false},
		"an operator's reset":   {kafka.OffsetMeta{Offset: 1}, "topic-id", false},
		"of the topic's heir":   {kafka.OffsetMeta{Offset: -1}, "heirs-id", false},
		"older, the heir's own": {kafka.OffsetMeta{Offset: 0, Metadata: "v1;n=3;t=x;i=heirs-id"}, "heirs-id", false},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			for _, held := range []bool{false, true} { // lost a moment ago, or taken up anew
				s, p := owned(t)
				if !held {
					s.lose(p)
				}
				m, err := ledger.ParseMetadata(c.om.Metadata)
				if err != nil {
					t.Fatal(err)
				}
				s.install(p.tp, c.om, &m, c.topic)
				now := s.parts[p.tp]
				if (now == p) != c.kept {
					t.Fatalf("held %v: gone on with what was known: %v, want %v", held, now == p, c.kept)
				}
				if c.kept && (now.ledger.C() != 2 || !now.held || !now.ledger.Changed()) {
					t.Errorf("held %v: C is %d, held %v, to be committed %v", held, now.ledger.C(), now.held, now.ledger.Changed())
				}
			}
		})
	}
}
