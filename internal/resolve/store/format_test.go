package store

import (
	"encoding/hex"
	"testing"
)

// The local store is a cache, and one of another format is set aside and built anew from Kafka. It must then be one of another format: whoever changes a
// key, the comparer or a value raises `format`, and this with it.
func TestTheStoreKeepsItsKeys(t *testing.T) {
	t.Parallel()
	id := ID{Class: Origin, Hash: 0x0102030405060708, Disc: 0x1112131415161718}
	for what, c := range map[string][2]string{
		"index":    {hex.EncodeToString(appendIndexKey(nil, 3, id)), "000000034f01020304050607081112131415161718"},
		"row":      {hex.EncodeToString(appendRowKey(nil, 3, id, 9)), "00000003730000000000000009" + "4f" + "01020304050607081112131415161718"},
		"head":     {hex.EncodeToString(headKey(3)), "0000000361"},
		"comparer": {comparer().Name, "smpp-connector.resolve.2"},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %s, want %s", what, c[0], c[1])
		}
	}
}
