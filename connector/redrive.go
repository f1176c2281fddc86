package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/record/registry"
	"github.com/smpp-connector/smpp-connector/internal/redrive"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/spell"
)

type redriveFlags struct {
	since, until, idsFile, from, to        string
	statuses, commands, smscs, topics, ids []string
	all, execute, dryRun, keepTimestamps   bool
	rate                                   float64
	maxRedrives                            int
}

// redriveCommand is `smpp-connector redrive`: dead letters go back to where they came from.
func redriveCommand() *cobra.Command {
	var f redriveFlags
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "Put dead letters back to their topic, by time, status, SMSC or id; prints what it would do unless --execute is given",
		Long: `redrive reads DEADLETTER_TOPIC to its present end, and puts the records that the flags name back to the
topic that they came from, without the headers that say why they failed. It uses the connector's
environment. Without --execute nothing is written.

It may be interrupted in any way and run again: what was put back is on record in the topic
<CONNECTOR_NAME>.redriven, in the same transaction. See internal/REDRIVE.md.`,
		Example: `  smpp-connector redrive --status rejected --command-status ESME_RSUBMITFAIL --since 2h
  smpp-connector redrive --smsc acme --since 2026-03-01T09:00:00Z --until 2026-03-01T10:00:00Z --rate 50 --execute`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return runRedrive(ctx, cmd, &f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.execute, "execute", false, "put them back")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only print what --execute would do; the default")
	flags.BoolVar(&f.all, "all", false, "every dead letter, where no other flag says which")
	flags.StringVar(&f.since, "since", "", "records with this timestamp or later: RFC 3339, or how long ago, such as 2h")
	flags.StringVar(&f.until, "until", "", "records before this timestamp, in the same forms")
	flags.StringSliceVar(&f.statuses, "status", nil, "results' statuses: invalid, rejected, unroutable, expired, in_doubt (which may have been sent, and are left out unless named)")
	flags.StringSliceVar(&f.commands, "command-status", nil, "what the SMSC answered, such as ESME_RSUBMITFAIL or 0x45")
	flags.StringSliceVar(&f.smscs, "smsc", nil, "names of SMSCs")
	flags.StringSliceVar(&f.topics, "topic", nil, "topics that the records came from")
	flags.StringSliceVar(&f.ids, "id", nil, "records' ids; a record without one is <topic>-<partition>-<offset>")
	flags.StringVar(&f.idsFile, "ids-file", "", "file of ids, a line each; - for standard input")
	flags.StringVar(&f.from, "from", "", "topic of dead letters (default DEADLETTER_TOPIC)")
	flags.StringVar(&f.to, "to", "", "topic to put them to (default the one that each came from)")
	flags.Float64Var(&f.rate, "rate", 0, "records a second at most; 0 for no limit")
	flags.IntVar(&f.maxRedrives, "max-redrives", 3, "leave alone what was put back so often and failed again")
	flags.BoolVar(&f.keepTimestamps, "keep-timestamps", false, "put them back with their timestamps, which retention may soon delete")
	return cmd
}

func runRedrive(ctx context.Context, cmd *cobra.Command, f *redriveFlags) error {
	filter, err := f.filter(cmd.InOrStdin(), time.Now())
	if err != nil {
		return &usageError{err}
	}
	cfg, err := config.Load(os.Environ())
	if err != nil {
		return err
	}
	if cfg.Kafka.Embedded {
		return &usageError{errors.New("redrive needs brokers that run: KAFKA_BROKERS=embedded is the broker of another process; name its address (kafka.port in its STATE_DIR)")}
	}
	if filter.Reader, err = redriveReader(ctx, cfg); err != nil {
		return err
	}
	o := redrive.Options{
		Dialer:      &kafka.Dialer{Config: cfg.Kafka, Log: slog.New(slog.DiscardHandler)},
		DeadLetters: cmp.Or(f.from, cfg.Topics.DeadLetter), Journal: cfg.InternalTopic(config.TopicRedriven),
		TransactionalID: cfg.Name + "-redrive", Connector: cfg.Name + "-sink",
		CreateJournal: cfg.Kafka.TopicsCreate, Replication: cfg.Kafka.TopicsReplication,
		Filter: *filter, To: f.to, Input: inputOf(cfg), Execute: f.execute, Rate: f.rate, MaxRedrives: f.maxRedrives, KeepTimestamps: f.keepTimestamps,
	}
	if err := refuseCircle(cfg, &o); err != nil {
		return &usageError{err}
	}
	bar := newProgressLine(cmd.ErrOrStderr(), "dead letters")
	o.Progress = bar.told
	report, err := redrive.Run(ctx, o)
	bar.end()
	showRedrive(cmd.OutOrStdout(), report, f.execute)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted after %d records; run the same again for the rest, nothing is doubled", report.Done)
	}
	return err
}

// filter reads the flags; the error names flag, value and remedy.
func (f *redriveFlags) filter(stdin io.Reader, now time.Time) (*redrive.Filter, error) {
	if f.execute && f.dryRun {
		return nil, errors.New("--execute and --dry-run: give one of them")
	}
	if f.rate < 0 || f.maxRedrives < 1 {
		return nil, errors.New("--rate must be 0 or more, and --max-redrives 1 or more")
	}
	filter := &redrive.Filter{Statuses: f.statuses, SMSCs: f.smscs, Topics: f.topics}
	var err error
	if filter.Since, err = moment("--since", f.since, now); err != nil {
		return nil, err
	}
	if filter.Until, err = moment("--until", f.until, now); err != nil {
		return nil, err
	}
	if !filter.Since.IsZero() && !filter.Until.IsZero() && !filter.Since.Before(filter.Until) {
		return nil, errors.New("--since must be before --until")
	}
	for _, s := range f.statuses {
		if !slices.Contains(deadStatuses, s) {
			return nil, fmt.Errorf("--status %q: did you mean %s?", s, spell.Nearest(s, deadStatuses))
		}
	}
	for _, s := range f.commands {
		n, ok := wire.ParseStatus(s)
		if !ok {
			return nil, fmt.Errorf("--command-status %q: did you mean %s?", s, spell.Nearest(s, wire.StatusNames()))
		}
		filter.Commands = append(filter.Commands, n)
	}
	if filter.IDs, err = f.wantedIDs(stdin); err != nil {
		return nil, err
	}
	switch {
	case f.all && !filter.Empty():
		return nil, errors.New("--all stands without flags that say which")
	case f.execute && !f.all && filter.Empty():
		return nil, errors.New("say which dead letters: --since, --until, --status, --command-status, --smsc, --topic, --id or --ids-file, or --all for every one")
	}
	return filter, nil
}

var deadStatuses = []string{record.Invalid, record.Rejected, record.Unroutable, record.Expired, record.InDoubt}

// moment is a time, or how long ago.
func moment(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%s %q: must be a time such as 2026-03-01T09:00:00Z, or how long ago, such as 2h", flag, s)
	}
	return t, nil
}

// maxIDs bounds the memory for a file of ids.
const maxIDs = 5_000_000

func (f *redriveFlags) wantedIDs(stdin io.Reader) (map[string]bool, error) {
	ids := make(map[string]bool, len(f.ids))
	for _, id := range f.ids {
		ids[id] = true
	}
	if f.idsFile == "" {
		return ids, nil
	}
	in := stdin
	if f.idsFile != "-" {
		file, err := os.Open(f.idsFile)
		if err != nil {
			return nil, fmt.Errorf("--ids-file: %w", err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if id := strings.TrimSpace(lines.Text()); id != "" {
			ids[id] = true
		}
		if len(ids) > maxIDs {
			return nil, fmt.Errorf("--ids-file %s: more than %d ids: split it", f.idsFile, maxIDs)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--ids-file %s: %w", f.idsFile, err)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("--ids-file %s: holds no id", f.idsFile)
	}
	return ids, nil
}

func redriveReader(ctx context.Context, cfg *config.Config) (record.Reader, error) {
	if len(cfg.Registry.URLs) == 0 {
		return record.PlainReader{}, nil
	}
	client, err := registry.NewClient(cfg.Registry)
	if err != nil {
		return nil, err
	}
	return registry.NewReader(ctx, client), nil
}

// inputOf tells the topics that the sink reads. A record is put to no other that a header names: whoever may write a dead letter
// would else write everywhere.
func inputOf(cfg *config.Config) func(string) bool {
	if cfg.Sink.TopicsRegex != "" {
		return regexp.MustCompile(cfg.Sink.TopicsRegex).MatchString // Load has compiled it
	}
	return func(topic string) bool { return slices.Contains(cfg.Sink.Topics, topic) }
}

// refuseCircle keeps records from being put where they would be taken for results, or for dead letters again.
func refuseCircle(cfg *config.Config, o *redrive.Options) error {
	written := []string{cfg.Topics.Results, cfg.Topics.Receipts, cfg.Topics.Inbound, cfg.Topics.DeadLetter, o.DeadLetters}
	if o.To != "" && (slices.Contains(written, o.To) || strings.HasPrefix(o.To, cfg.Name+".") && !o.Input(o.To)) {
		return fmt.Errorf("--to %q: the connector writes that topic itself: name one of SINK_TOPICS", o.To)
	}
	return nil
}

func showRedrive(w io.Writer, r *redrive.Report, executed bool) {
	asked := r.Left[redrive.Asked]
	if asked > 0 {
		t := table.NewWriter()
		t.SetStyle(table.StyleLight)
		t.Style().Format.Header = text.FormatDefault
		t.AppendHeader(table.Row{"Topic", "Status", "SMSC", "Answer", "Records"})
		for _, g := range r.Sorted() {
			t.AppendRow(table.Row{printable(g.Topic), printable(g.Status), printable(g.SMSC), g.Command, r.Groups[g]})
		}
		fmt.Fprintln(w, t.Render())
	}
	for why := redrive.Asked + 1; int(why) < len(r.Left); why++ {
		if n := r.Left[why]; n > 0 {
			fmt.Fprintf(w, "left alone: %d %s\n", n, why)
		}
	}
	if executed {
		fmt.Fprintf(w, "put back: %d\n", r.Done)
		return
	}
	for _, e := range r.Examples {
		fmt.Fprintf(w, "for example %s\n", printable(e))
	}
	fmt.Fprintf(w, "would be put back: %d (nothing is written without --execute)\n", asked)
}
