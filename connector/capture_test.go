package main

import (
	"encoding/binary"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/smpp-connector/smpp-connector/internal/pcap"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// scriptCapture writes a capture of an SMSC that writes ids in hexadecimal in its responses and in decimal in its receipts.
func scriptCapture(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "capture FILE")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var chunks []pcap.Chunk
	add := func(fromServer bool, pdu []byte) {
		at = at.Add(time.Second)
		chunks = append(chunks, pcap.Chunk{FromServer: fromServer, Data: pdu, At: at})
	}
	deliver := func(sequence uint32, sm wire.SM) []byte {
		b, err := sm.AppendDeliver(nil, sequence)
		ts.Check(err)
		return b
	}
	submit := wire.SM{Dest: wire.Address{Addr: []byte("491701234567")}, ShortMessage: []byte("hi")}
	for i, id := range []string{"10C8F40D", "1F"} {
		b, err := submit.AppendSubmit(nil, uint32(i+1))
		ts.Check(err)
		add(false, b)
		add(true, submitResp(uint32(i+1), id))
	}
	add(true, wire.AppendHeaderOnly(nil, wire.SubmitSMResp, wire.StatusThrottled, 3))
	for i, id := range []string{"281605133", "31"} {
		add(true, deliver(uint32(i+1), wire.SM{ESMClass: 4, ShortMessage: []byte("id:" + id + " sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000 text:")}))
	}
	add(true, deliver(9, wire.SM{Source: wire.Address{Addr: []byte("491701234567")}, ShortMessage: []byte("thank you")}))
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(pcap.Write(f, 2775, chunks))
	ts.Check(f.Close())
}

// submitResp is a submit_sm_resp (SMPP v3.4 §4.4.2), which the connector itself never writes.
func submitResp(sequence uint32, id string) []byte {
	b := wire.AppendHeaderOnly(nil, wire.SubmitSMResp, wire.StatusOK, sequence)
	b = append(append(b, id...), 0)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}
