package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// simulateCommand is `smpp-connector simulate`: the SMSC simulator alone, with
// the faults that it can play as flags, until SIGINT or SIGTERM.
func simulateCommand() *cobra.Command {
	var (
		o = smsc.Options{Listen: "127.0.0.1:2775", Behaviour: smsc.Behaviour{
			Receipts: smsc.Receipts{Delay: smsc.Uniform(100*time.Millisecond, 2*time.Second)},
			MO:       smsc.MO{To: "12345"},
			Retry:    smsc.Retry{Timeout: 10 * time.Second, Delay: 500 * time.Millisecond, Max: 20},
		}}
		parsed simulateFlags
		status time.Duration
	)
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run the SMSC simulator alone, with the faults it can play",
		Long: `Run an SMSC simulator that accepts any number of binds, answers submit_sm, and
sends delivery receipts, replies and messages of its own.

Without flags it is well-behaved: it accepts every bind, answers at once, and
sends every receipt that a message asked for after 0.1 to 2 seconds.

Durations that vary are written 20ms (always), 5ms-50ms (evenly between) or
exp:20ms (exponential with that mean). Shares lie between 0 and 1.`,
		Example: `  smpp-connector simulate
  smpp-connector simulate --latency 5ms-50ms --tps 500
  smpp-connector simulate --errors ESME_RSYSERR=0.01,ESME_RINVDSTADR=0.005 --error-to 0000=ESME_RINVDSTADR
  smpp-connector simulate --receipts DELIVRD=0.9,UNDELIV=0.08,EXPIRED=0.02 --message-id hex-dec --receipt-form both
  smpp-connector simulate --reply 'VOTE:0.4=A|B|C' --reply STOP=STOP --mo-rate 20 --mo-long 0.3 --mo-shuffle --mo-spread
  smpp-connector simulate --drop-every 1000 --no-answer 0.001 --log audit.ndjson`,
		Args:         noArguments,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := parsed.into(&o); err != nil {
				return &usageError{err}
			}
			o.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			s, err := smsc.New(o)
			if err != nil { // only ever a flag's value
				return &usageError{err}
			}
			if err := s.Start(ctx); err != nil {
				return err
			}
			defer s.Stop()
			fmt.Fprintf(cmd.OutOrStdout(), "SMSC simulator on %s, seed %d; stop with Ctrl-C\n", s.Addr(), s.Seed())
			if parsed.outbind != "" {
				go outbindAgain(ctx, s, o, &parsed)
			}
			printSimulateStatus(ctx, cmd, s, status)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Listen, "listen", o.Listen, "address to listen on, host:port")
	f.Uint64Var(&o.Seed, "seed", 0, "makes a run repeatable; 0 picks one")
	f.DurationVar(&status, "status", time.Second, "time between two status lines; 0 prints none")
	f.StringVar(&o.AuditFile, "log", "", "file that gets a line of JSON for every submit_sm and deliver_sm")
	f.BoolVar(&o.AuditBodies, "log-bodies", false, "add message bodies in hexadecimal to that file")

	f.StringSliceVar(&parsed.accounts, "account", nil, "system_id:password that may bind; may be given more than once (default: everybody)")
	f.StringVar(&o.SystemID, "system-id", "smsc", "the simulator's own system_id")
	f.StringVar(&parsed.version, "interface-version", "", "version of SMPP: 3.3 (no transceiver, no TLVs), 3.4 or 5.0 (which say so in the bind response); default 3.4, and not saying so")
	f.StringVar(&parsed.outbind, "outbind", "", "host:port of an ESME to connect to and send an outbind, again and again while nobody can receive")
	f.StringVar(&parsed.outbindPassword, "outbind-password", "", "password of that outbind; its system_id is --system-id")
	f.IntVar(&o.Remember, "remember", 0, "last messages that query_sm, cancel_sm and replace_sm find; 0: each of them fails")
	f.IntVar(&o.Congestion, "congestion", 0, "congestion_state of SMPP 5.0 in each response, 1 to 100; 0 sends none")
	f.IntVar(&o.MaxBinds, "max-binds", 1024, "most connections at once")
	f.StringVar(&parsed.bindStatus, "bind-status", "", "refuse binds with this status, such as ESME_RBINDFAIL")
	f.IntVar(&o.RefuseBinds, "refuse-binds", 0, "with --bind-status: refuse only so many; 0 refuses all")
	f.DurationVar(&o.BindDelay, "bind-delay", 0, "time before a bind is answered")
	f.DurationVar(&o.EnquireLink, "enquire-link", 0, "send an enquire_link this often; 0 sends none")
	f.BoolVar(&o.SilentLinks, "silent-links", false, "do not answer enquire_link")

	f.Var(&parsed.latency, "latency", "time from a submit_sm to its answer, such as 5ms-50ms")
	f.Float64Var(&o.TPS, "tps", 0, "submit_sm a second over all binds, above it ESME_RTHROTTLED; 0 sets no limit")
	f.IntVar(&o.Window, "window", 0, "unanswered submit_sm on one bind, above it ESME_RTHROTTLED; 0 sets no limit")
	f.StringVar(&parsed.errors, "errors", "", "share of submits that gets each status, such as ESME_RSYSERR=0.01,ESME_RINVDSTADR=0.005")
	f.StringVar(&parsed.rules, "error-to", "", "status by the last digits of the destination, such as 0000=ESME_RINVDSTADR,0001=ESME_RSYSERR")
	f.Float64Var(&o.NoAnswer, "no-answer", 0, "share of submits that is accepted and never answered")
	f.Uint64Var(&o.Drop.Every, "drop-every", 0, "close the connection at every nth submit; 0 never")
	f.Float64Var(&o.Drop.Rate, "drop-rate", 0, "close the connection at this share of submits")
	f.BoolVar(&o.Drop.AfterAnswer, "drop-after-answer", false, "send the answer before the connection is closed")
	f.Float64Var(&o.ReadRate, "read-rate", 0, "PDUs a second read from one bind (a slow reader); 0 sets no limit")

	f.StringVar(&parsed.messageID, "message-id", "decimal", "form of message ids: decimal, hex, hex-dec (hexadecimal in the response, decimal in the receipt), dec-hex, uuid, padded")
	f.StringVar(&parsed.outcomes, "receipts", "DELIVRD=1", "how messages end, such as DELIVRD=0.9,UNDELIV=0.08,EXPIRED=0.02; or none, for no receipts")
	f.Var(&parsed.receiptDelay, "receipt-delay", "time from a submit_sm to its final receipt (default 100ms-2s)")
	f.StringVar(&parsed.form, "receipt-form", "text", "text, tlv or both")
	f.StringVar(&parsed.via, "receipt-via", "any", "bind that receipts take: any (in turn), same (as the submit_sm), other")
	f.Float64Var(&o.Receipts.BeforeResponse, "receipt-first", 0, "share of receipts sent before the submit_sm_resp")
	f.Float64Var(&o.Receipts.Repeat, "receipt-repeat", 0, "share of receipts sent twice, word for word")

	f.StringArrayVar(&parsed.replies, "reply", nil, "KEYWORD=text sends text back for a message that contains KEYWORD; KEYWORD=A|B sends one of them, KEYWORD:0.3=text for that share of messages; may be given more than once")
	f.Var(&parsed.replyDelay, "reply-delay", "time from a submit_sm to the reply (default 200ms-3s)")
	f.Float64Var(&o.MO.Rate, "mo-rate", 0, "messages a second that subscribers send by themselves")
	f.StringVar(&o.MO.To, "mo-to", o.MO.To, "address that they send to")
	f.Float64Var(&o.MO.Long, "mo-long", 0, "share of them in more than one part")
	f.BoolVar(&o.MO.Shuffle, "mo-shuffle", false, "send the parts of a long message in random order")
	f.BoolVar(&o.MO.Spread, "mo-spread", false, "send the parts of a long message over all binds")

	f.IntVar(&o.DeliverWindow, "deliver-window", 100, "unanswered deliver_sm on one bind")
	f.IntVar(&o.QueueLimit, "queue", 500_000, "deliver_sm that may wait; a submit_sm whose receipt has no place gets ESME_RMSGQFUL")
	f.DurationVar(&o.Retry.Timeout, "deliver-timeout", o.Retry.Timeout, "how long the answer to a deliver_sm is waited for")
	f.DurationVar(&o.Retry.Delay, "deliver-retry", o.Retry.Delay, "time until a deliver_sm is sent again after a negative or missing answer")
	f.IntVar(&o.Retry.Max, "deliver-tries", o.Retry.Max, "negative or missing answers after which a deliver_sm is given up")
	return cmd
}

// printSimulateStatus prints a line every so often until ctx ends, and a last one.
func printSimulateStatus(ctx context.Context, cmd *cobra.Command, s *smsc.SMSC, every time.Duration) {
	if every <= 0 {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	before, at := s.Stats(), time.Now()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-tick.C:
		}
		now, stats := time.Now(), s.Stats()
		fmt.Fprintln(cmd.OutOrStdout(), stats.Line(before, now.Sub(at)))
		before, at = stats, now
	}
}

// outbindAgain plays an SMSC that connects to its ESME, until ctx ends.
func outbindAgain(ctx context.Context, s *smsc.SMSC, o smsc.Options, p *simulateFlags) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		if s.Stats().Receivers == 0 {
			if err := s.Outbind(ctx, p.outbind, o.SystemID, p.outbindPassword, nil); err != nil && ctx.Err() == nil {
				o.Logger.Info("no outbind", "address", p.outbind, "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// simulateFlags are the flags that pflag has no type for.
type simulateFlags struct {
	accounts, replies                                         []string
	version, outbind, outbindPassword                         string
	bindStatus, errors, rules, messageID, outcomes, form, via string
	latency, receiptDelay, replyDelay                         simulateDuration
}

// simulateDuration is a smsc.Distribution as a pflag.Value.
type simulateDuration struct {
	smsc.Distribution
	set bool
}

func (d *simulateDuration) Set(s string) (err error) {
	d.Distribution, err = smsc.ParseDistribution(s)
	d.set = err == nil
	return err
}

func (d *simulateDuration) Type() string { return "duration" }

func (d *simulateDuration) String() string {
	if !d.set {
		return "" // pflag then shows no default
	}
	return d.Distribution.String()
}

// into reads the flags and reports every fault at once.
func (p *simulateFlags) into(o *smsc.Options) error {
	var faults []error
	note := func(flag string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	var err error
	for _, a := range p.accounts {
		id, password, ok := strings.Cut(a, ":")
		if !ok {
			note("account", errors.New("write system_id:password"))
			continue
		}
		if o.Accounts == nil {
			o.Accounts = make(map[string]string)
		}
		o.Accounts[id] = password
	}
	if p.bindStatus != "" {
		o.BindStatus, err = smsc.ParseStatus(p.bindStatus)
		note("bind-status", err)
	} else if o.RefuseBinds > 0 {
		note("refuse-binds", errors.New("needs --bind-status, the status to refuse with"))
	}
	o.Version, err = smsc.ParseVersion(p.version)
	note("interface-version", err)
	o.Errors, err = smsc.ParseErrors(p.errors)
	note("errors", err)
	o.Rules, err = smsc.ParseRules(p.rules)
	note("error-to", err)
	o.MessageID, err = smsc.ParseIDKind(p.messageID)
	note("message-id", err)
	if p.outcomes == "none" {
		o.Receipts.Off = true
	} else {
		o.Receipts.Outcomes, err = smsc.ParseOutcomes(p.outcomes)
		note("receipts", err)
	}
	o.Receipts.Form, err = smsc.ParseReceiptForm(p.form)
	note("receipt-form", err)
	o.Receipts.Via, err = smsc.ParseVia(p.via)
	note("receipt-via", err)
	for _, text := range p.replies {
		reply, err := smsc.ParseReply(text)
		note("reply", err)
		o.Replies = append(o.Replies, reply)
	}
	o.Latency = p.latency.Distribution
	if p.receiptDelay.set {
		o.Receipts.Delay = p.receiptDelay.Distribution
	}
	o.ReplyDelay = smsc.Uniform(200*time.Millisecond, 3*time.Second)
	if p.replyDelay.set {
		o.ReplyDelay = p.replyDelay.Distribution
	}
	return errors.Join(faults...)
}
