package record

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestAnArenaKeepsEveryValueAsItWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var a Arena
		type values struct{ want, got [][]byte }
		var now, before values // before: of the transaction on its way, in blocks
		var blocks [][]byte
		number := byte(0)
		t.Repeat(map[string]func(*rapid.T){
			"value": func(t *rapid.T) {
				size := rapid.OneOf(rapid.IntRange(0, 700), rapid.IntRange(arenaRoom-2, arenaRoom+2), rapid.IntRange(arenaBlock-2, arenaBlock+2)).Draw(t, "size")
				number++
				v := bytes.Repeat([]byte{number}, size)
				now.want = append(now.want, v)
				kept := a.Room()
				for len(kept) < size { // as encoders do, little by little
					kept = append(kept, number)
				}
				now.got = append(now.got, a.Keep(kept))
			},
			"take": func(*rapid.T) {
				a.Reuse(blocks)
				before, now, blocks = now, values{}, a.Take()
			},
			"age": func(*rapid.T) { a.Age() },
			"reset": func(*rapid.T) {
				a.Reset()
				now = values{}
			},
			"": func(t *rapid.T) {
				for _, vs := range []values{before, now} {
					for i, want := range vs.want {
						if got := vs.got[i]; !bytes.Equal(got, want) || cap(got) != len(got) {
							t.Fatalf("value %d of %d octets is not what it was", i, len(want))
						}
					}
				}
			},
		})
	})
}

func TestAnArenaThatIsUsedAgainAllocatesNothing(t *testing.T) {
	var a Arena
	value := make([]byte, 500)
	fill := func() {
		for range 1000 {
			a.Keep(append(a.Room(), value...))
		}
		a.Reset()
	}
	fill()
	if n := testing.AllocsPerRun(10, fill); n > 0 {
		t.Errorf("%.0f allocations for 1,000 values", n)
	}
}

func TestAnArenaKeepsNoMoreThanItsBound(t *testing.T) {
	t.Parallel()
	var a Arena
	for range 10 * arenaFree * arenaBlock / (64 << 10) {
		a.Keep(append(a.Room(), make([]byte, 64<<10)...))
	}
	a.Reset()
	if len(a.spare.free) > arenaFree {
		t.Errorf("%d blocks are kept, %d at most should be", len(a.spare.free), arenaFree)
	}
	for range 60 { // half a minute of the sink's
		a.Age()
	}
	if len(a.spare.free) > 1 {
		t.Errorf("%d blocks are kept at rest", len(a.spare.free))
	}
}
