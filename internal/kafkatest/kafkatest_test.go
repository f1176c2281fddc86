package kafkatest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func values(records []*kgo.Record) []string {
	var all []string
	for _, r := range records {
		all = append(all, string(r.Value))
	}
	slices.Sort(all)
	return all
}

func produce(t *testing.T, cl *kgo.Client, topic string, vs ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), requestLimit)
	defer cancel()
	for _, v := range vs {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestABrokerKeepsWhatItAcknowledgedThroughAKill(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, b *Broker) {
		CreateTopics(t, b, 3, "kept")
		cl := Client(t, b)
		produce(t, cl, "kept", "one", "two")
		b.Kill()
		if c, err := net.Dial("tcp", b.Addrs[0]); err == nil {
			c.Close()
			t.Fatal("the port is open after Kill")
		}
		b.Restart()
		produce(t, cl, "kept", "three")
		if got := values(ReadAll(t, b, "kept")); !slices.Equal(got, []string{"one", "three", "two"}) {
			t.Fatalf("got %v", got)
		}
	})
}

func TestReadAllShowsWhatWasCommittedAndNothingElse(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, b *Broker) {
		CreateTopics(t, b, 1, "mixed")
		ctx, cancel := context.WithTimeout(t.Context(), requestLimit)
		defer cancel()
		transaction := func(id, value string, end func(*kgo.Client) error) {
			t.Helper()
			cl := Client(t, b, kgo.TransactionalID(id), kgo.TransactionTimeout(10*time.Minute)) // the open one must not end by itself
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			produce(t, cl, "mixed", value)
			if err := end(cl); err != nil {
				t.Fatal(err)
			}
		}
		commit := func(cl *kgo.Client) error { return cl.EndTransaction(ctx, kgo.TryCommit) }
		abort := func(cl *kgo.Client) error { return cl.EndTransaction(ctx, kgo.TryAbort) }
		// An aborted record stands last before the last stable offset: no reader is ever shown anything at or beyond it.
		transaction("c", "committed", commit)
		transaction("a", "aborted", func(aborted *kgo.Client) error {
			transaction("o", "open", func(*kgo.Client) error { return nil })
			return abort(aborted)
		})
		transaction("d", "too late", commit)
		if got := values(ReadAll(t, b, "mixed")); !slices.Equal(got, []string{"committed"}) {
			t.Fatalf("got %v", got)
		}
	})
}

func TestReadAllReadsAllPartitionsInOrderAndNothingFromAnEmptyTopic(t *testing.T) {
	t.Parallel()
	b := Kfake(t)
	CreateTopics(t, b, 4, "many", "empty")
	cl := Client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	ctx, cancel := context.WithTimeout(t.Context(), requestLimit)
	defer cancel()
	var records []*kgo.Record
	for i := range 1000 {
		records = append(records, &kgo.Record{Topic: "many", Partition: int32(i % 4), Value: fmt.Appendf(nil, "%d", i)})
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	got := ReadAll(t, b, "many")
	if len(got) != 1000 {
		t.Fatalf("%d records, want 1000", len(got))
	}
	for i, r := range got {
		if want := (i%250)*4 + i/250; string(r.Value) != strconv.Itoa(want) {
			t.Fatalf("record %d is %s, want %d", i, r.Value, want)
		}
	}
	if got := ReadAll(t, b, "empty"); len(got) != 0 {
		t.Fatalf("an empty topic has %d records", len(got))
	}
}

func TestWhatIsRequiredIsReadFromTheEnvironment(t *testing.T) {
	t.Setenv("SMPP_TEST_REQUIRE", "apache, node")
	if !Required("apache") || !Required("node") || Required("java") {
		t.Fatal("the list is misread")
	}
	t.Setenv("SMPP_TEST_REQUIRE", "")
	if Required("apache") {
		t.Fatal("an empty list requires something")
	}
}

// The test starts itself as a child that holds a broker, and kills the child.
func TestTheJVMDiesWithTheTestProcess(t *testing.T) {
	if os.Getenv("KAFKATEST_CHILD") != "" {
		b := Apache(t)
		fmt.Printf("pid %d dir %s\n", b.node.(*apacheNode).cmd.Process.Pid, b.node.(*apacheNode).dir)
		<-t.Context().Done() // never: the parent kills this process
		return
	}
	t.Parallel()
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("only Linux can tie a child to its parent")
	}
	if _, err := apacheReady(); err != nil {
		SkipOrFail(t, KindApache, err.Error())
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startLimit+2*time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, exe, "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), "KAFKATEST_CHILD=1", "TMPDIR="+t.TempDir())
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var dir string
	if _, err := fmt.Fscanf(out, "pid %d dir %s\n", &pid, &dir); err != nil {
		t.Fatal(err)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	for {
		args, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err != nil || !strings.Contains(string(args), dir) { // gone, or a zombie that init has yet to reap
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the JVM, process %d, lives on", pid)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestAPortThatIsHeldForAMomentIsWaitedFor(t *testing.T) {
	t.Parallel()
	port, err := freePort(1) // and none of the system's: a connection of the tests beside could be given it when it is let go
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	held, err := listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { held.Close() })
	l, err := listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
