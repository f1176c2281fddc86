package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// demoCommand is `smpp-connector demo`: the whole main job in one process, through
// the same parts that run uses, over TCP.
func demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it all work with nothing else installed: broker, SMSC simulator, connector and a sample campaign in one process",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			if !cmd.Flags().Changed("kafka-port") && !canListen(fmt.Sprintf("127.0.0.1:%d", o.kafkaPort)) {
				o.kafkaPort = 0
			}
			return runDemo(ctx, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&o.once, "once", false, "end after the campaign")
	cmd.Flags().IntVar(&o.messages, "messages", 2000, "messages of the campaign, 10 to 200000")
	cmd.Flags().DurationVar(&o.limit, "limit", 90*time.Second, "how long the campaign may take")
	cmd.Flags().IntVar(&o.kafkaPort, "kafka-port", 9092, "port of the broker on 127.0.0.1; 0, or the default where it is taken: any that is free")
	return cmd
}

type demoOptions struct {
	once      bool
	messages  int
	limit     time.Duration
	kafkaPort int
}

func runDemo(ctx context.Context, o demoOptions, stdout, stderr io.Writer) error {
	if o.messages < 10 || o.messages > 200_000 {
		return &usageError{fmt.Errorf("--messages %d: want 10 to 200000", o.messages)}
	}
	if o.kafkaPort < 0 || o.kafkaPort > 65535 {
		return &usageError{fmt.Errorf("--kafka-port %d: want 1 to 65535, or 0 for any", o.kafkaPort)}
	}
	phones, err := startCarriers(ctx)
	if err != nil {
		return err
	}
	defer phones.stop()
	cfg, err := config.Load(demoEnviron(os.Environ(), phones))
	if err != nil {
		return err
	}
	if os.Getenv("HTTP_ADDRESS") == "" && !canListen(cfg.HTTP.Address) {
		cfg.HTTP.Address = "127.0.0.1:0"
	}
	log := slog.New(slog.NewTextHandler(stderr, logOptions(max(cfg.Log.Level, demoLevel()))))
	a, err := newApp(cfg, log)
	if err != nil {
		return err
	}
	defer a.cleanUp()
	a.kafkaPort = o.kafkaPort
	defer func() {
		sctx, cancel := context.WithTimeout(context.Background(), cfg.ShutdownTimeout)
		defer cancel()
		a.stop(sctx)
	}()
	fmt.Fprintln(stdout, "starting an embedded Kafka broker, two simulated carriers and the connector …")
	if err := a.start(ctx); err != nil {
		return err
	}
	page := "off (HTTP_ADDRESS is empty)"
	if addr := a.admin.Addr(); addr != "" {
		page = "http://" + addr + "/ui"
	}
	fmt.Fprintf(stdout, "broker %s, carriers %s, status page %s\n", cfg.Kafka.Brokers[0], strings.Join(phones.addrs(), " and "), page)

	err = demoCampaign(ctx, o, a, phones, stdout)
	if err != nil || o.once {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	fmt.Fprintf(stdout, "\nThe connector keeps running, with a message now and then. Status page: %s\nTopics: %s, %s, %s, %s, %s on %s. Ctrl-C ends it.\n",
		page, cfg.Sink.Topics[0], cfg.Topics.Results, cfg.Topics.Receipts, cfg.Topics.Inbound, cfg.Topics.DeadLetter, cfg.Kafka.Brokers[0])
	fmt.Fprintf(stdout, "Programs that use it: examples/README.md; those find it by KAFKA_BROKERS=%s.\n", cfg.Kafka.Brokers[0])
	return demoTrickle(ctx, a)
}

// demoLevel keeps the log out of the progress line; LOG_LEVEL=debug brings it all.
func demoLevel() slog.Level {
	if os.Getenv("LOG_LEVEL") != "" {
		return slog.LevelDebug
	}
	return slog.LevelError
}

// demoEnviron is the configuration of the demo: the user's own, where it does not
// say what is to be connected to what.
func demoEnviron(environ []string, c *carriers) []string {
	var out []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case strings.HasPrefix(name, "SMSC_"), strings.HasPrefix(name, "KAFKA_"), strings.HasPrefix(name, "READY_"),
			name == "SINK_TOPICS", name == "SINK_TOPICS_REGEX", name == "SINK_ENABLED", name == "SOURCE_ENABLED":
			continue
		}
		out = append(out, kv)
	}
	if os.Getenv("HTTP_ADDRESS") == "" {
		out = append(out, "HTTP_ADDRESS=127.0.0.1:8083")
	}
	return append(out,
		"KAFKA_BROKERS=embedded",
		"SMSC_0_NAME=north", "SMSC_0_ADDRESS="+c.north.Addr(), "SMSC_0_SYSTEM_ID=demo", "SMSC_0_PASSWORD=demo",
		"SMSC_0_WINDOW=100", "SMSC_0_BINDS=2", "SMSC_0_SOURCE_ADDRESS="+demoSender, "SMSC_0_ROUTES=49,44,33,90",
		"SMSC_1_NAME=south", "SMSC_1_ADDRESS="+c.south.Addr(), "SMSC_1_SYSTEM_ID=demo", "SMSC_1_PASSWORD=demo",
		"SMSC_1_WINDOW=100", "SMSC_1_BIND=pair", "SMSC_1_SOURCE_ADDRESS="+demoSender,
	)
}

func canListen(address string) bool {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// demoSender is a short code that subscribers can reply to.
const demoSender = "32323"

// carriers are the two SMSCs of the demo. They differ as real ones do.
type carriers struct{ north, south *smsc.SMSC }

func startCarriers(ctx context.Context) (*carriers, error) {
	base := smsc.Behaviour{
		Latency: smsc.Uniform(5*time.Millisecond, 50*time.Millisecond),
		// One destination that does not exist, and an SMSC that is overloaded now and then.
		Rules:  []smsc.Rule{{Suffix: "00000", Status: 0x0B}},
		Errors: []smsc.StatusRate{{Status: 0x08, Rate: 0.005}, {Status: 0x58, Rate: 0.002}},
		Receipts: smsc.Receipts{Delay: smsc.Uniform(100*time.Millisecond, 1500*time.Millisecond),
			Outcomes: []smsc.OutcomeRate{{State: "DELIVRD", Rate: 0.94}, {State: "UNDELIV", Rate: 0.04}, {State: "EXPIRED", Rate: 0.02}}},
		Replies: []smsc.Reply{
			{Keyword: "VOTE", Texts: []string{"A", "B", "C"}, Rate: 0.4},
			{Keyword: "Feedback", Texts: []string{demoLongReply}, Rate: 0.5},
			// Not the campaign's, but what programs in examples/ ask for.
			{Keyword: "reply YES", Texts: []string{"YES", "Yes, thank you", "NO"}, Rate: 0.8},
			{Keyword: "STOP to", Texts: []string{"STOP", "Stop"}, Rate: 0.3},
		},
		ReplyDelay: smsc.Uniform(1500*time.Millisecond, 3*time.Second), // people need longer than a refused part needs to be sent again
		Retry:      smsc.Retry{Timeout: 10 * time.Second, Delay: 200 * time.Millisecond, Max: 50},
	}
	north, south := base, base
	north.MessageID = smsc.IDHexDec // writes its ids in two forms
	north.Receipts.Via = smsc.ViaOther
	south.MessageID = smsc.IDUUID
	south.Receipts.Form = smsc.FormBoth
	south.Receipts.BeforeResponse = 0.02
	c := &carriers{}
	var err error
	for _, x := range []struct {
		to *(*smsc.SMSC)
		b  smsc.Behaviour
	}{{&c.north, north}, {&c.south, south}} {
		if *x.to, err = smsc.New(smsc.Options{Behaviour: x.b, Accounts: map[string]string{"demo": "demo"}, Keep: 1 << 20}); err != nil {
			return nil, err
		}
		if err := (*x.to).Start(context.WithoutCancel(ctx)); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *carriers) stop() { c.north.Stop(); c.south.Stop() }

func (c *carriers) addrs() []string { return []string{c.north.Addr(), c.south.Addr()} }

// submits is how often the carriers took each destination in; the demo compares
// their own books with the records.
func (c *carriers) submits() (messages map[string]int, total int) {
	messages = make(map[string]int)
	for _, s := range []*smsc.SMSC{c.north, c.south} {
		for _, x := range s.Submits() {
			total++
			if x.Status == 0 && x.Part <= 1 {
				messages[x.To]++
			}
		}
	}
	return messages, total
}

// stats is what the demo watches, of both carriers together.
func (c *carriers) stats() (st smsc.Stats) {
	a, b := c.north.Stats(), c.south.Stats()
	st.MOAcked, st.ReceiptsAcked = a.MOAcked+b.MOAcked, a.ReceiptsAcked+b.ReceiptsAcked
	st.Queue, st.InFlight = a.Queue+b.Queue, a.InFlight+b.InFlight
	return st
}

// demoTrickle sends a message every second until ctx ends.
func demoTrickle(ctx context.Context, a *app) error {
	cl, err := a.dialer.Client("demo-trickle", kgo.DefaultProduceTopic(a.cfg.Sink.Topics[0]))
	if err != nil {
		return err
	}
	defer cl.Close()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := cl.ProduceSync(ctx, demoRecord(1_000_000+i)).FirstErr(); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}
