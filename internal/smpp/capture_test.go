package smpp_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/pcap"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// captureConversation lets an account and a simulator speak of everything that they
// can, with secrets of every kind in it, and returns what was captured: all of it, once
// the disk has kept up with a conversation.
func captureConversation(t *testing.T, hide bool, most int64) (file string, port string) {
	t.Helper()
	for {
		file, port, dropped := captureOne(t, hide, most)
		if dropped == 0 {
			return file, port
		}
		t.Logf("%d reads and writes were left out: once more", dropped)
	}
}

func captureOne(t *testing.T, hide bool, most int64) (file, port string, dropped int64) {
	t.Helper()
	s, err := smsc.New(smsc.Options{Remember: 100, Behaviour: smsc.Behaviour{
		Receipts: smsc.Receipts{Form: smsc.FormBoth}, EnquireLink: 50 * time.Millisecond, Retry: smsc.Retry{Timeout: patience},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	file = filepath.Join(t.TempDir(), "smpp.pcap")
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	capture, err := smpp.NewCapture(file, most, hide, log)
	if err != nil {
		t.Fatal(err)
	}
	submits := submitsOfAllKinds(t)
	first := submits[0]
	for _, op := range []smpp.Op{smpp.OpCancel, smpp.OpReplace, smpp.OpQuery} {
		submits = append(submits, &smpp.Submit{SM: first.SM, Op: op, MessageID: []byte("4711")})
	}
	data := *first
	data.Op = smpp.OpData
	data.SM.TLVs = []wire.TLV{{Tag: wire.TagMessagePayload, Value: []byte("Hello by data_sm")}}
	submits = append(submits, &data)
	e := &ears{answers: make(chan smpp.Answer, len(submits)), deliveries: make(chan uint32, 4*len(submits)), bound: make(chan struct{})}
	account := smpp.NewAccount(smpp.AccountConfig{
		Name: "x", Addresses: []string{s.Addr()}, SystemID: "esme", Password: "sesame", Window: 10, Capture: capture,
		ResponseTimeout: patience, BindTimeout: patience, WriteTimeout: patience, RequeueFor: patience,
	}, e, nil, nil, nil)
	if err := account.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	account.Offer(submits)
	for range submits {
		select {
		case <-e.answers:
		case <-ctx.Done():
			t.Fatalf("no answer within %s", patience)
		}
	}
	if err := s.SendMO("491511234567", "32323", "my PIN is 1234"); err != nil {
		t.Fatal(err)
	}
	if err := s.WaitFor(ctx, func(st smsc.Stats) bool { return st.MOAcked >= 1 && st.Queue+st.InFlight == 0 }); err != nil {
		t.Fatal(err)
	}
	if err := account.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	capture.Close()
	return file, s.Addr()[strings.LastIndexByte(s.Addr(), ':')+1:], capture.Dropped()
}

func TestACaptureIsWhatWiresharkReads(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string]bool{"redacted": true, "as it is": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, port := captureConversation(t, hide, 64<<20)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"sesame", "49151", "32323", "MyBrand", "Hello", "PIN", "data_sm"} {
				if there := bytes.Contains(b, []byte(secret)); there == (hide || secret == "sesame") {
					t.Errorf("%q is there: %v", secret, there)
				}
			}
			if !bytes.Contains(b, []byte("stat:DELIVRD")) {
				t.Error("the receipts do not say what they are for")
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, error %v", info.Mode(), err)
			}
			counts, err := pcap.CheckFile(t, file, port)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{"0x00000003", "0x00000004", "0x00000005", "0x00000007", "0x00000008", "0x00000009", "0x00000103", "0x80000003", "0x80000103"} {
				if !strings.Contains(strings.ToLower(counts), id) {
					t.Errorf("the capture has no PDU %s:\n%s", id, counts)
				}
			}
		})
	}
}

func TestACaptureIsBoundedAndItsSecondFileReadsAsWell(t *testing.T) {
	t.Parallel()
	const most = 128 << 10 // the least
	var file, port string
	for range 3 { // a conversation may be shorter than half of that
		file, port = captureConversation(t, true, most)
	}
	for _, name := range []string{file, file + ".1"} {
		info, err := os.Stat(name)
		if err != nil {
			if name == file {
				t.Fatal(err)
			}
			continue
		}
		if info.Size() > most/2+(64<<10) {
			t.Errorf("%s has %d octets", name, info.Size())
		}
		if info.Size() > 24 {
			if _, err := pcap.CheckFile(t, name, port); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestACaptureThatCannotBeWrittenIsAnErrorOfTheStart(t *testing.T) {
	t.Parallel()
	if _, err := smpp.NewCapture(filepath.Join(t.TempDir(), "nowhere", "x.pcap"), 0, true, slog.Default()); err == nil {
		t.Error("no error")
	}
	var none *smpp.Capture
	none.Close()
	if conn := none.Wrap(nil, true); conn != nil {
		t.Error("a capture that is none wraps")
	}
}
