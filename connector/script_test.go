package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// TestScripts runs the command line as people do. Besides testscript's own
// commands there are:
//
//	address NAME...           sets each to a free address of loopback
//	broker NAME               starts a broker and sets NAME to its address
//	exits CODE program args   runs a program that must end with this code
//	sigterm WORD              signals the last background command with WORD among its arguments
//	appears PATTERN FILE      waits until the file matches
//	portof DIR NAME           sets NAME to the address of the embedded broker of that STATE_DIR
//	answers CODE ADDRESS/PATH [TEXT]
//	                          waits until a GET answers with this status, and this text; stdout is the body
//	produce BROKER TOPIC FILE produces each line as a record
//	capture FILE              writes a capture of a short session with an SMSC
//	consume BROKER TOPIC N    waits for N records under read_committed; stdout has their values
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"address": scriptAddress, "broker": scriptBroker, "exits": scriptExits, "sigterm": scriptSigterm,
			"answers": scriptAnswers, "capture": scriptCapture, "produce": scriptProduce, "consume": scriptConsume, "appears": scriptAppears, "portof": scriptPortOf,
		},
		Setup: func(e *testscript.Env) error {
			e.Values["tb"] = e.T().(testing.TB)
			return nil
		},
	})
}

func usage(ts *testscript.TestScript, neg bool, right bool, text string) {
	if neg || !right {
		ts.Fatalf("usage: %s", text)
	}
}

func scriptAddress(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0, "address NAME...")
	for _, name := range args {
		ts.Setenv(name, freeAddress(ts.Value("tb").(testing.TB)))
	}
}

func scriptBroker(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "broker NAME")
	ts.Setenv(args[0], kafkatest.Kfake(ts.Value("tb").(testing.TB)).Addrs[0])
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "exits CODE program args")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func scriptSigterm(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "sigterm WORD")
	for _, cmd := range slices.Backward(ts.BackgroundCmds()) {
		if slices.Contains(cmd.Args[1:], args[0]) {
			ts.Check(cmd.Process.Signal(syscall.SIGTERM))
			return
		}
	}
	ts.Fatalf("no background command has the argument %q", args[0])
}

func scriptAnswers(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2 || len(args) == 3, "answers CODE ADDRESS/PATH [TEXT]")
	text := ""
	if len(args) == 3 {
		text = args[2]
	}
	var last string
	if !inTime(func() bool {
		resp, err := http.Get("http://" + args[1])
		if err != nil {
			last = err.Error()
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		ts.Check(err)
		last = fmt.Sprintf("%d %s", resp.StatusCode, body)
		if strconv.Itoa(resp.StatusCode) != args[0] || !strings.Contains(string(body), text) {
			return false
		}
		_, err = ts.Stdout().Write(body)
		ts.Check(err)
		return true
	}) {
		ts.Fatalf("%s does not answer %s but %s", args[1], args[0], last)
	}
}

func scriptClient(ts *testscript.TestScript, broker string, opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(broker), kgo.FetchMaxWait(50*time.Millisecond))...)
	ts.Check(err)
	return cl
}

func scriptProduce(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "produce BROKER TOPIC FILE")
	cl := scriptClient(ts, args[0], kgo.DefaultProduceTopic(args[1]))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for line := range bytes.Lines([]byte(ts.ReadFile(args[2]))) {
		ts.Check(cl.ProduceSync(ctx, &kgo.Record{Value: bytes.TrimSuffix(line, []byte("\n"))}).FirstErr())
	}
}

func scriptConsume(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "consume BROKER TOPIC N")
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	cl := scriptClient(ts, args[0], kgo.ConsumeTopics(args[1]), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var values []string
	for len(values) < n {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			ts.Fatalf("%s has %d of %d records: %s", args[1], len(values), n, values)
		}
		fs.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	slices.Sort(values)
	_, err = fmt.Fprintln(ts.Stdout(), strings.Join(values, "\n"))
	ts.Check(err)
}

func scriptAppears(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "appears PATTERN FILE")
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	if !inTime(func() bool {
		content, err := os.ReadFile(ts.MkAbs(args[1]))
		return err == nil && pattern.Match(content)
	}) {
		ts.Fatalf("%s does not appear in %s", args[0], args[1])
	}
}

func scriptPortOf(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "portof DIR NAME")
	ts.Setenv(args[1], "127.0.0.1:"+ts.ReadFile(filepath.Join(args[0], "kafka.port")))
}
