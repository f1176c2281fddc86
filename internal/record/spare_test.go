package record

import "testing"

func TestWhatATransactionTookIsThereForTheNext(t *testing.T) {
	var s Spare[*int]
	transaction := func(n int) []*int {
		taken := make([]*int, n)
		for i := range taken {
			if taken[i] = s.Take(); taken[i] == nil {
				taken[i] = new(int)
			}
		}
		s.Turn()
		return taken
	}
	const size, most = 22, 64
	made := make(map[*int]bool)
	var before []*int
	for range 20 { // one is being written while the next is filled
		now := transaction(size)
		for _, v := range before {
			s.Put(v, most)
		}
		for _, v := range now {
			made[v] = true
		}
		s.Age()
		before = now
	}
	if len(made) > 2*size {
		t.Errorf("%d were made for two transactions of %d at a time", len(made), size)
	}
	for range 60 { // half a minute at rest
		s.Age()
	}
	if len(s.free) > 1 {
		t.Errorf("%d are kept at rest", len(s.free))
	}
	for range 100 {
		s.Put(new(int), most)
	}
	if len(s.free) != most {
		t.Errorf("%d are kept, %d at most should be", len(s.free), most)
	}
}
