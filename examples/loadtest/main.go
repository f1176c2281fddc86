// Command loadtest loads an SMSC through the connector and says what it took: rate, times to answer, refusals.
//
// Without --smsc it starts `smpp-connector simulate` as the target. It runs the connector with its embedded broker, so that
// the SMSC is what is measured: on two cores the rest takes tens of thousands of messages a second.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

type options struct {
	connector string
	smsc      string
	simulate  string
	systemID  string
	password  string
	messages  int
	to        string
	binds     int
	window    int
	tps       float64
	within    time.Duration
	really    bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "loadtest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var o options
	flag.StringVar(&o.connector, "connector", "", "path of the smpp-connector binary (default: built by go build)")
	flag.StringVar(&o.smsc, "smsc", "", "host:port of the SMSC (default: a simulated one)")
	flag.StringVar(&o.simulate, "simulate", "--latency 5ms-20ms --tps 3000", "flags of the simulated one")
	flag.StringVar(&o.systemID, "system-id", "loadtest", "system_id of the bind; its password is in SMSC_PASSWORD")
	flag.IntVar(&o.messages, "messages", 10_000, "how many messages")
	flag.StringVar(&o.to, "to", "49176", "what recipients' numbers begin with; seven digits follow")
	flag.IntVar(&o.binds, "binds", 2, "sessions")
	flag.IntVar(&o.window, "window", 50, "unanswered submits of a session")
	flag.Float64Var(&o.tps, "tps", 0, "submits a second at most; 0: as many as the SMSC takes")
	flag.DurationVar(&o.within, "within", 5*time.Minute, "how long it may take")
	flag.BoolVar(&o.really, "really", false, "the SMSC at --smsc is not on this machine, is a test system, and its owner knows")
	flag.Parse()
	o.password = os.Getenv("SMSC_PASSWORD")
	if o.smsc != "" && !o.really && !onThisMachine(o.smsc) {
		return fmt.Errorf("--smsc %s is not on this machine: a live SMSC would send all of this to people, and bill it. With a test system, add --really", o.smsc)
	}
	folder, err := os.MkdirTemp("", "loadtest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if o.connector == "" {
		o.connector = filepath.Join(folder, "smpp-connector")
		build := exec.CommandContext(ctx, "go", "build", "-o", o.connector, "./connector")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building the connector: %w\n%s", err, out)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, o.within)
	defer cancel()
	if o.smsc == "" {
		o.smsc, err = freeAddress()
		if err != nil {
			return err
		}
		end, err := start(folder, "smsc.log", o.connector, append([]string{"simulate", "--listen", o.smsc}, strings.Fields(o.simulate)...), nil)
		if err != nil {
			return err
		}
		defer end()
		fmt.Printf("SMSC: smpp-connector simulate %s\n", o.simulate)
	}
	end, err := start(folder, "connector.log", o.connector, []string{"run"}, []string{
		"KAFKA_BROKERS=embedded", "STATE_DIR=" + folder, "HTTP_ADDRESS=", "LOG_FORMAT=text", "LOG_LEVEL=warn",
		"SMSC_0_NAME=target", "SMSC_0_ADDRESS=" + o.smsc, "SMSC_0_SYSTEM_ID=" + o.systemID, "SMSC_0_PASSWORD=" + o.password, "SMSC_0_SOURCE_ADDRESS=12345",
		"SMSC_0_BINDS=" + strconv.Itoa(o.binds), "SMSC_0_WINDOW=" + strconv.Itoa(o.window), "SMSC_0_TPS=" + strconv.FormatFloat(o.tps, 'f', -1, 64),
	})
	if err != nil {
		return err
	}
	defer end()
	broker, err := brokerOf(ctx, folder)
	if err != nil {
		return tail(err, filepath.Join(folder, "connector.log"))
	}
	m, err := load(ctx, broker, o)
	if err != nil {
		return tail(err, filepath.Join(folder, "connector.log"))
	}
	fmt.Print(m)
	return nil
}

// start runs a program; what it says goes into a file, and end asks it to stop and waits.
func start(folder, log, program string, arguments, environment []string) (end func(), err error) {
	out, err := os.Create(filepath.Join(folder, log))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, arguments...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + folder}, environment...)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		timer.Stop()
		_ = out.Close()
	}, nil
}

// brokerOf waits for the embedded broker, whose port lies in the connector's STATE_DIR.
func brokerOf(ctx context.Context, folder string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if port, err := os.ReadFile(filepath.Join(folder, "kafka.port")); err == nil {
			address := net.JoinHostPort("127.0.0.1", string(port))
			if conn, err := net.Dial("tcp", address); err == nil {
				return address, conn.Close()
			}
		}
		select {
		case <-ctx.Done():
			return "", errors.New("the connector did not start within 30 s")
		case <-tick.C:
		}
	}
}

func onThisMachine(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// tail adds the end of a log to an error, since the folder goes away.
func tail(err error, file string) error {
	b, readErr := os.ReadFile(file)
	if readErr != nil || len(b) == 0 {
		return err
	}
	return fmt.Errorf("%w\nthe connector's log:\n%s", err, b[max(0, len(b)-2000):])
}
