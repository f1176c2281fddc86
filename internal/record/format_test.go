package record

import (
	"encoding/hex"
	"reflect"
	"testing"
)

// What the internal topics hold outlives the program that wrote it, and is read by the release before, too, after a rollback: these are their bytes, as
// internal/UPGRADE.md promises them. A change here needs a new version byte, not another expectation.
const (
	deliverBytes      = "0109636172726965722d61010590eae5f3ef6603000102"
	submissionBytes   = "0101ffff01107200636172726965722d61003466316109636172726965722d61117200636172726965722d610032303235300434463141076f726465722d37016b01020d2b3439313730313233343536370441434d450c736d732e6f7574626f756e64048eda9601c0dae5f3ef6690eae5f3ef660566696e616c097b226b223a2276227dffffffffffffffff"
	tracedSubmissions = "0201ffff03107200636172726965722d61003466316109636172726965722d61117200636172726965722d610032303235300434463141076f726465722d37016b01020d2b3439313730313233343536370441434d450c736d732e6f7574626f756e64048eda9601c0dae5f3ef6690eae5f3ef660566696e616c097b226b223a2276227dffffffffffffffff010000000000000000000000000000000000000000000018"
)

func TestInternalRecordsKeepTheirBytes(t *testing.T) {
	t.Parallel()
	d := Deliver{SMSC: "carrier-a", Bind: 1, CommandID: 5, ReceivedAt: at, Body: []byte{0, 1, 2}}
	if got := hex.EncodeToString(d.Append(nil)); got != deliverBytes {
		t.Errorf("a deliver_sm: %s", got)
	}
	traced, untraced := fullSubmission(), fullSubmission()
	untraced.Span = [24]byte{}
	for want, s := range map[string]Submission{submissionBytes: untraced, tracedSubmissions: traced} {
		if got := hex.EncodeToString(AppendSubmission(nil, &s)); got != want {
			t.Errorf("a submission: %s", got)
		}
		stored, _ := hex.DecodeString(want)
		if read, err := batchOf(stored); err != nil || len(read) != 1 || !reflect.DeepEqual(read[0], s) {
			t.Errorf("%+v %v, want %+v", read, err, s)
		}
	}
	stored, _ := hex.DecodeString(deliverBytes)
	var read Deliver
	if err := read.Decode(stored); err != nil || !reflect.DeepEqual(read, d) {
		t.Errorf("%+v %v, want %+v", read, err, d)
	}
}
