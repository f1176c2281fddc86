package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/linxGnu/gosmpp/pdu"
)

func TestSimulateServesUntilItIsToldToStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, printed := io.Pipe()
	cmd := simulateCommand()
	cmd.SetOut(printed)
	cmd.SetErr(io.Discard)
	cmd.SetArgs([]string{"--listen", "127.0.0.1:0", "--latency", "1ms-2ms", "--reply", "VOTE:0.5=A|B", "--status", "0"})
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.ExecuteContext(ctx)
		printed.Close()
	}()

	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(line, " on ")
	address, _, _ := strings.Cut(rest, ",")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("nothing listens where %q says: %v", line, err)
	}
	defer conn.Close()
	buf := pdu.NewBuffer(nil)
	pdu.NewBindTransceiver().Marshal(buf)
	if _, err := conn.Write(buf.Bytes()); err != nil {
		t.Fatal(err)
	}
	if p, err := pdu.Parse(conn); err != nil || !p.IsOk() {
		t.Fatalf("the bind got %v, %v", p, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
}

func TestSimulateReportsAllWrongFlagsAtOnce(t *testing.T) {
	cmd := simulateCommand()
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	cmd.SetArgs([]string{"--errors", "ESME_NONE=1", "--receipts", "DELIVRD=0.5", "--message-id", "roman", "--reply", "nothing", "--refuse-binds", "2"})
	err := cmd.ExecuteContext(t.Context())
	if err == nil {
		t.Fatal("wrong flags were accepted")
	}
	for _, flag := range []string{"--errors", "--receipts", "--message-id", "--reply", "--refuse-binds"} {
		if !strings.Contains(err.Error(), flag+":") {
			t.Errorf("%s is not in the error: %v", flag, err)
		}
	}
}
