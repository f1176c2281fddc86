package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// file is a profile as its YAML has it, with what it extends merged in. Its types follow schema.json, which has checked it.
type file struct {
	Version    int                   `json:"version"`
	Name       string                `json:"name"`
	Title      string                `json:"title"`
	About      string                `json:"about"`
	Extends    string                `json:"extends"`
	Sources    []Source              `json:"sources"`
	DataCoding fileCoding            `json:"data_coding"`
	Receipt    fileReceipt           `json:"receipt"`
	Statuses   map[string]fileStatus `json:"statuses"`
	Backoffs   struct {
		Throttle  fileBackoff `json:"throttle"`
		Temporary fileBackoff `json:"temporary"`
	} `json:"backoffs"`
	RetryStatus string             `json:"retry_status"`
	TLVs        map[string]fileTLV `json:"tlvs"`
	Addresses   fileAddresses      `json:"addresses"`
	Defaults    map[string]any     `json:"defaults"`
	Quirks      Quirks             `json:"quirks"`
	Vectors     Vectors            `json:"vectors"`
}

// Source is where a habit is documented.
type Source struct {
	Title string `json:"title"`
	At    string `json:"at"`
	Says  string `json:"says"`
}

// Quirks are habits that are there or not.
type Quirks struct {
	ReceiptsFlaggedOnly bool `json:"receipts_flagged_only"`
	IntermediateIsFinal bool `json:"intermediate_is_final"`
	NoSchedule          bool `json:"no_schedule"`      // deliver_at cannot be kept
	NoPriorityFlag      bool `json:"no_priority_flag"` // priority_flag means something else there
}

type fileCoding struct {
	Default string            `json:"default"`
	Read    map[string]string `json:"read"`
	Write   map[string]int    `json:"write"`
	Refused []string          `json:"refused"`
}

type fileReceipt struct {
	Fields    map[string][]string `json:"fields"`
	Columns   []string            `json:"columns"`
	Separator string              `json:"separator"`
	States    map[string]string   `json:"states"`
	TimeZone  string              `json:"time_zone"`
	Dates     []string            `json:"dates"`
	ID        string              `json:"id"`
	State     string              `json:"state"`
}

type fileStatus struct {
	Class   string      `json:"class"`
	Backoff fileBackoff `json:"backoff"`
	About   string      `json:"about"`
}

type fileBackoff struct{ First, Most duration }

// duration is a Go duration in a text.
type duration time.Duration

func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

type fileTLV struct {
	Tag       int    `json:"tag"`
	Type      string `json:"type"`
	Required  bool   `json:"required"`
	Digits    bool   `json:"digits"`
	MinLength int    `json:"min_length"`
	MaxLength int    `json:"max_length"`
	About     string `json:"about"`
}

type fileKind struct {
	TON    int    `json:"ton"`
	NPI    int    `json:"npi"`
	Prefix string `json:"prefix"`
}

type fileKinds struct {
	International fileKind `json:"international"`
	National      fileKind `json:"national"`
	ShortCode     fileKind `json:"short_code"`
}

type fileAddresses struct {
	Source       fileKinds `json:"source"`
	Destination  fileKinds `json:"destination"`
	Alphanumeric struct {
		TON       int  `json:"ton"`
		NPI       int  `json:"npi"`
		MaxLength int  `json:"max_length"`
		Allowed   bool `json:"allowed"`
	} `json:"alphanumeric"`
	ShortCodeDigits int `json:"short_code_digits"`
}

// decode fills a file from a tree that the schema has found right.
func decode(root map[string]any) (*file, error) {
	b, err := json.Marshal(withoutNulls(root))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var f file
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return &f, nil
}
