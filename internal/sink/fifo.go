package sink

// fifo is a queue that reuses its memory.
type fifo[T any] struct {
	items []T
	head  int
}

// fifoKeep is how many places an empty fifo keeps: there are many of them, and one
// burst is not paid for ever.
const fifoKeep = 256

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) push(v T) { f.items = append(f.items, v) }

func (f *fifo[T]) pop() T {
	v := f.items[f.head]
	clear(f.items[f.head : f.head+1])
	f.head++
	if f.head == len(f.items) {
		f.items, f.head = f.items[:0], 0
		if cap(f.items) > fifoKeep {
			f.items = nil
		}
	} else if f.head >= 4096 && f.head*2 >= len(f.items) {
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	return v
}

// pushFront puts one back in front.
func (f *fifo[T]) pushFront(v T) {
	if f.head > 0 {
		f.head--
		f.items[f.head] = v
		return
	}
	// Room for as many more in front as there are now: what is put back is seldom alone.
	n := len(f.items)
	items := make([]T, n+1+n, 2*n+2+n)
	f.head = n
	items[n] = v
	copy(items[n+1:], f.items)
	f.items = items
}
