package redrive

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// What is entered is known, and nothing else, in whichever transactions it was.
func TestTheJournalKnowsWhatWasEntered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		entered := make(map[[2]int64]bool)
		var written []*kgo.Record
		w := newJournal("dead", "id")
		for range rapid.IntRange(0, 8).Draw(t, "transactions") {
			var letters []letter
			next := [3]int64{}
			for range rapid.IntRange(1, 20).Draw(t, "letters") {
				p := rapid.IntRange(0, 2).Draw(t, "partition")
				next[p] += int64(rapid.IntRange(1, 4).Draw(t, "step"))
				at := [2]int64{int64(p), next[p]}
				if entered[at] {
					continue
				}
				entered[at] = true
				letters = append(letters, letter{rec: &kgo.Record{Partition: int32(p), Offset: next[p]}})
			}
			records, err := w.entries("journal", letters)
			if err != nil {
				t.Fatal(err)
			}
			written = append(written, records...)
		}
		keys := make(map[string]bool)
		j := newJournal("dead", "id")
		for _, r := range written {
			if keys[string(r.Key)] {
				t.Fatalf("key %s comes twice: compaction would lose one", r.Key)
			}
			keys[string(r.Key)] = true
			if err := j.take(r, map[int32]int64{}); err != nil {
				t.Fatal(err)
			}
		}
		j.settle()
		for p := range int64(3) {
			for o := range int64(100) {
				if j.has(int32(p), o) != entered[[2]int64{p, o}] {
					t.Fatalf("%d-%d: %v, want %v", p, o, j.has(int32(p), o), entered[[2]int64{p, o}])
				}
			}
		}
	})
}

func TestAnEntryThatCannotBeReadStopsTheRun(t *testing.T) {
	t.Parallel()
	for _, r := range []*kgo.Record{{Key: []byte("dead:id:0:1"), Value: []byte("{")}, {Key: []byte("dead:id:x:1"), Value: []byte(`{"offsets":[]}`)}} {
		if err := newJournal("dead", "id").take(r, nil); err == nil {
			t.Errorf("%s %s was taken", r.Key, r.Value)
		}
	}
}

func TestEntriesOfDeadLettersThatAreGoneAreCleared(t *testing.T) {
	t.Parallel()
	j := newJournal("dead", "id")
	for _, key := range []string{"dead:id:0:1", "dead:id:0:8", "dead:former:0:8", "other:id:0:1"} {
		first := map[string]string{"dead:id:0:1": `{"offsets":[{"First":1,"Last":5}]}`}[key]
		if first == "" {
			first = `{"offsets":[{"First":8,"Last":12}]}`
		}
		if err := j.take(&kgo.Record{Key: []byte(key), Value: []byte(first)}, map[int32]int64{0: 10}); err != nil {
			t.Fatal(err)
		}
	}
	j.settle()
	if len(j.gone) != 2 || string(j.gone[0]) != "dead:id:0:1" || string(j.gone[1]) != "dead:former:0:8" || !j.has(0, 12) {
		t.Errorf("%q %v", j.gone, j.done)
	}
}

// What the journal holds outlives the program that wrote it: a run of another release must know what was put back, or it is doubled.
func TestTheJournalKeepsItsForm(t *testing.T) {
	t.Parallel()
	records, err := newJournal("dead", "id").entries("journal", []letter{{rec: &kgo.Record{Partition: 2, Offset: 5}}, {rec: &kgo.Record{Partition: 2, Offset: 6}}, {rec: &kgo.Record{Partition: 2, Offset: 9}}})
	if err != nil || len(records) != 1 || string(records[0].Key) != "dead:id:2:5" || string(records[0].Value) != `{"offsets":[{"first":5,"last":6},{"first":9,"last":9}]}` {
		t.Errorf("%+v %v", records, err)
	}
}
