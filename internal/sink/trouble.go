package sink

import (
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
)

// troubles remembers what was said of each topic, so that it is said once and not
// fifty times a second. It is bounded by the topics.
type troubles struct {
	mu   sync.Mutex
	last map[string]int16 // by topic: Kafka's code
}

// new tells whether this is not what was said last.
func (t *troubles) new(topic string, err error) bool {
	code := int16(-1)
	var ke *kerr.Error
	if errors.As(err, &ke) {
		code = ke.Code
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.last[topic]; ok && last == code {
		return false
	}
	if t.last == nil {
		t.last = make(map[string]int16)
	}
	t.last[topic] = code
	return true
}

// over tells that the topic is read again.
func (t *troubles) over(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, topic)
	delete(t.last, "") // what the group had to complain of
}
