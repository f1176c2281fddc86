package ledger

import "testing"

// The metadata of a committed offset outlives the program that wrote it, and after a rollback the release before reads it: internal/UPGRADE.md. A change
// here needs a new version in front, not another expectation.
func TestMetadataKeepsItsForm(t *testing.T) {
	t.Parallel()
	for want, offsets := range map[string][2][]int64{ // granted, done
		"v1;n=7;t=w;i=topic-id":          {},
		"v1;n=7;t=w;i=topic-id;r=CtcSBQ": {{100, 101, 102}, {900}},
		"v1;n=7;t=w;i=topic-id;b=YcKR":   {{100, 102, 104, 106, 108, 110, 112, 114}, {101, 105, 109, 113}},
	} {
		l := New(100)
		if err := l.SetTopic("topic-id"); err != nil {
			t.Fatal(err)
		}
		for o := int64(100); o < 1000; o++ {
			l.Observe(o)
		}
		for _, all := range offsets {
			for _, o := range all {
				l.Grant(o)
			}
		}
		for _, o := range offsets[1] {
			l.Done(o)
		}
		got, err := l.AppendMetadata(nil, 7, "w")
		if err != nil || string(got) != want {
			t.Errorf("%s %v, want %s", got, err, want)
		}
		m, err := ParseMetadata(want)
		if err != nil || m.N != 7 || m.Writer != "w" || m.Topic != "topic-id" {
			t.Errorf("%s: %+v %v", want, m, err)
			continue
		}
		read := m.Restore(100)
		for o := int64(100); o < 1000; o++ {
			if read.At(o) != l.At(o) && (read.At(o) == Granted || l.At(o) == Granted || read.At(o) == Done || l.At(o) == Done) {
				t.Errorf("%s: offset %d is %v, was %v", want, o, read.At(o), l.At(o))
			}
		}
	}
}
