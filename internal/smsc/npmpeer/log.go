package npmpeer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Event is a line of the log. Event tells which fields it has.
type Event struct {
	At       time.Time `json:"at"`
	Event    string    `json:"event"` // submit, query, cancel, replace; deliver and, when a try has ended, end
	Bind     int       `json:"bind"`  // the session's number, from 1
	Sequence uint32    `json:"sequence"`

	// Of a submit. Text, Status and From also of a replace, the last two of a cancel and a query.
	SystemID           string `json:"system_id"`
	ESMClass           byte   `json:"esm_class"`
	DataCoding         byte   `json:"data_coding"`
	RegisteredDelivery byte   `json:"registered_delivery"`
	PriorityFlag       byte   `json:"priority_flag"`
	Text               string `json:"text"` // without the user data header, as the npm package decodes it
	Body               string `json:"body"` // hexadecimal, where it is no text
	Form               string `json:"form"` // how it says that it is a part: udh8, udh16, sar; or payload; empty: it does not
	Status             uint32 `json:"status"`

	// Of a submit and of an MO.
	From  string `json:"from"`
	To    string `json:"to"`
	Ref   uint16 `json:"ref"`
	Total byte   `json:"total"`
	Part  byte   `json:"part"`

	// Of a submit and of a receipt: as in the response. Of a query, a cancel and a replace: as they have it.
	MessageID string `json:"message_id"`

	// Of deliver and end.
	Kind   string `json:"kind"` // receipt or mo
	Stat   string `json:"stat"`
	Try    int    `json:"try"`
	Acked  bool   `json:"acked"`
	Reason string `json:"reason"` // timeout or disconnect, where no answer came
}

// maxLine bounds a line of the log; a submit of the longest text is far shorter.
const maxLine = 1 << 20

// ReadLog reads a log, calling fn for every event in order until it fails.
func ReadLog(path string, fn func(Event) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("npmpeer: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("npmpeer: %s: %w", path, err)
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return lines.Err()
}
