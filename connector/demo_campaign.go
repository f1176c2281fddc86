package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// demoTexts are the campaign's: each alphabet, short and long, and what calls for
// a reply.
var demoTexts = []struct{ prefix, text string }{
	{"+4917", "Hallo! Ihr Paket kommt heute zwischen 14 und 16 Uhr. Grüße, Ihr Paketdienst"},
	{"+4477", "Your one-time code is 481516. It is valid for 5 minutes. Never share it."},
	{"+336", "Votez pour votre chanson préférée: répondez A, B ou C. VOTE"},
	{"+9053", "Sayın müşterimiz, randevunuz yarın saat 10:30'da. İyi günler dileriz."},
	{"+7916", "Ваш заказ готов к выдаче. Пункт работает до 21:00. Ждём вас!"},
	{"+8613", "您的验证码是 235711，五分钟内有效，请勿告知他人。"},
	{"+9198", "आपका ऑर्डर आज डिलीवर होगा। धन्यवाद!"},
	{"+1202", "Flash sale 🎉 50% off everything until midnight 🕛 VOTE A, B or C for tomorrow's deal!"},
	{"+3069", "Καλημέρα! Το ραντεβού σας επιβεβαιώθηκε για αύριο στις 9."},
	{"+4479", "Dear customer, thank you for staying with us. " + strings.Repeat("We would love to hear what you liked and what we can do better next time. ", 4) + "Feedback welcome: just reply to this message [it is free]."},
	{"+8180", strings.Repeat("いつもご利用いただきありがとうございます。", 6)},
}

// demoLongReply is longer than one SMS, so that its parts have to be joined.
const demoLongReply = "It was a wonderful stay, thank you! The room was quiet, the breakfast was better than at home, and the staff found my daughter's lost teddy bear within the hour. We will come again in spring, when the garden is in bloom."

// demoRecord is the i-th record of the campaign. A few are in error on purpose:
// one has no recipient, one goes to a number that does not exist.
func demoRecord(i int) *kgo.Record {
	t := demoTexts[i%len(demoTexts)]
	to := fmt.Sprintf("%s%07d", t.prefix, 1+i)
	switch i % 500 {
	case 123:
		to = fmt.Sprintf("%s%02d00000", t.prefix, i/500%100)
	case 321:
		to = ""
	}
	v, _ := json.Marshal(map[string]any{
		"id": fmt.Sprintf("demo-%d", i), "to": to, "text": t.text, "receipts": "final",
		"metadata": map[string]string{"campaign": "spring", "customer": fmt.Sprint(100000 + i)},
	})
	return &kgo.Record{Key: fmt.Appendf(nil, "customer-%d", 100000+i), Value: v}
}

// tally is what the output topics say of the campaign.
type tally struct {
	results                                           map[string]int // how many by id
	accepted, rejected, invalid, otherResults, doubts int
	duplicates                                        int // results that say possible_duplicate
	awaited                                           int // parts accepted: a final receipt is to come for each
	final, delivered, failed, uncorrelated            int
	replies, partsOfReplies, inReplyTo                int
	votes                                             map[string]int
	to                                                map[string]bool // accepted destinations
	lastAcked                                         uint64
	ackedAt                                           time.Time
}

func (t *tally) result(v []byte) error {
	r, err := record.DecodeResult(v)
	if err != nil || !strings.HasPrefix(r.ID, "demo-") {
		return err
	}
	t.results[r.ID]++
	if r.PossibleDuplicate {
		t.duplicates++
	}
	switch r.Status {
	case "accepted":
		t.accepted++
		t.awaited += len(r.Parts)
		t.to[sms.NormalNumber(r.To)] = true
	case "rejected":
		t.rejected++
	case "invalid":
		t.invalid++
	case "in_doubt":
		t.doubts++
	default:
		t.otherResults++
	}
	return nil
}

func (t *tally) receipt(v []byte) error {
	r, err := record.DecodeReceipt(v)
	if err != nil || (r.Correlated && !strings.HasPrefix(r.ID, "demo-")) { // another program's
		return err
	}
	if !r.Correlated || !strings.HasPrefix(string(r.Metadata), `{"campaign"`) {
		t.uncorrelated++
	}
	if r.Final {
		t.final++
		if r.State == "DELIVERED" {
			t.delivered++
		} else {
			t.failed++
		}
	}
	return nil
}

func (t *tally) inbound(v []byte) error {
	m, err := record.DecodeInbound(v)
	if err != nil {
		return err
	}
	t.partsOfReplies += m.Parts
	if m.InReplyTo != nil && !strings.HasPrefix(m.InReplyTo.ID, "demo-") {
		return nil
	}
	t.replies++
	if m.InReplyTo != nil {
		t.inReplyTo++
	}
	if len(m.Text) == 1 {
		t.votes[m.Text]++
	}
	return nil
}

// demoCampaign sends the campaign, watches what comes back, prints the table, and
// fails unless all of it agrees.
func demoCampaign(ctx context.Context, o demoOptions, a *app, phones *carriers, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	cfg := a.cfg
	// From where the topics end now, so that whatever comes first is not missed while the client is still asking for that.
	ends, err := kadm.NewClient(a.control).ListEndOffsets(ctx, cfg.Topics.Results, cfg.Topics.Receipts, cfg.Topics.Inbound)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("asking where the topics end: %w", err)
	}
	watch, err := a.dialer.Client("demo-watch", kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumePartitions(ends.KOffsets()),
		kgo.FetchMaxWait(100*time.Millisecond), kgo.DefaultProduceTopic(cfg.Sink.Topics[0]))
	if err != nil {
		return err
	}
	defer watch.Close()

	records := make([]*kgo.Record, o.messages)
	for i := range records {
		records[i] = demoRecord(i)
	}
	began := time.Now()
	if err := watch.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("producing the campaign: %w", err)
	}
	t := &tally{results: make(map[string]int), votes: make(map[string]int), to: make(map[string]bool)}
	var lastResult time.Time
	p := newProgress(out)
	for {
		fs := watch.PollFetches(quickly(ctx))
		var bad error
		fs.EachRecord(func(r *kgo.Record) {
			var err error
			switch r.Topic {
			case cfg.Topics.Results:
				err = t.result(r.Value)
				lastResult = time.Now()
			case cfg.Topics.Receipts:
				err = t.receipt(r.Value)
			default:
				err = t.inbound(r.Value)
			}
			if err != nil {
				bad = err
			}
		})
		if bad != nil {
			return bad
		}
		st := phones.stats()
		p.show(fmt.Sprintf("%d sent · %d results · %d accepted · %d delivered · %d failed · %d replies",
			o.messages, len(t.results), t.accepted, t.delivered, t.failed, t.replies))
		if len(t.results) == o.messages && t.final >= t.awaited && st.Queue+st.InFlight == 0 && uint64(t.partsOfReplies) >= st.MOAcked && t.settled(st.MOAcked) {
			break
		}
		if ctx.Err() != nil {
			p.end()
			t.print(out, o.messages, lastResult.Sub(began), phones)
			return fmt.Errorf("the campaign did not end within %s: %d of %d results, %d of %d final receipts, %d of %d parts of replies",
				o.limit, len(t.results), o.messages, t.final, t.awaited, t.partsOfReplies, st.MOAcked)
		}
	}
	p.end()
	return t.print(out, o.messages, lastResult.Sub(began), phones)
}

// settled waits for the replies that are still being typed: the phones' books
// have to stand still for as long as a reply takes.
func (t *tally) settled(acked uint64) bool {
	now := time.Now()
	if acked != t.lastAcked {
		t.lastAcked, t.ackedAt = acked, now
	}
	return now.Sub(t.ackedAt) > 3200*time.Millisecond
}

// quickly bounds one poll, so that the progress goes on.
func quickly(ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, 150*time.Millisecond)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// print prints the table and checks that the topics and the carriers' own books
// agree.
func (t *tally) print(out io.Writer, sent int, took time.Duration, phones *carriers) error {
	books, pdus := phones.submits()
	lost, doubled, twoResults := 0, 0, 0
	for to := range t.to {
		switch n := books[to]; {
		case n == 0:
			lost++
		case n > 1:
			doubled++
		}
	}
	for _, n := range t.results {
		if n > 1 {
			twoResults++
		}
	}
	tw := table.NewWriter()
	tw.SetStyle(table.StyleRounded)
	tw.Style().Format.Header = text.FormatDefault
	tw.AppendHeader(table.Row{"The campaign", "", ""})
	row := func(what string, n any, note string) { tw.AppendRow(table.Row{what, n, note}) }
	row("sent", sent, "records produced to the outbound topic")
	row("accepted", t.accepted, fmt.Sprintf("by the carriers, as %d submit_sm", pdus))
	row("rejected", t.rejected, "the carrier said no for good")
	row("invalid", t.invalid, "never sent; each with its reason and a dead letter")
	row("delivered", t.delivered, fmt.Sprintf("of %d final receipts, one for each part", t.final))
	row("failed", t.failed, "undeliverable or expired")
	row("replies", t.replies, fmt.Sprintf("%d joined to the message that caused them; votes A %d, B %d, C %d", t.inReplyTo, t.votes["A"], t.votes["B"], t.votes["C"]))
	row("msgs/s", fmt.Sprintf("%.0f", float64(sent)/max(took.Seconds(), 0.001)), "first record to last result, carriers answering after 5 to 50 ms")
	row("duplicates", doubled, fmt.Sprintf("%d results say possible_duplicate", t.duplicates))
	row("in doubt", t.doubts, "results that cannot say whether the carrier has it")
	tw.SetColumnConfigs([]table.ColumnConfig{{Number: 2, Align: text.AlignRight}})
	fmt.Fprintln(out, tw.Render())
	var wrong []string
	check := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	check(len(t.results) != sent, "%d records, %d results", sent, len(t.results))
	check(twoResults > 0, "%d records have more than one result", twoResults)
	check(lost > 0, "%d accepted messages are not in the carriers' books", lost)
	check(doubled > t.duplicates, "%d messages were doubled without a word", doubled)
	check(t.final != t.awaited, "%d parts accepted, %d final receipts", t.awaited, t.final)
	check(t.uncorrelated > 0, "%d receipts could not be joined to their record", t.uncorrelated)
	check(t.inReplyTo != t.replies, "%d of %d replies could not be joined", t.replies-t.inReplyTo, t.replies)
	check(t.otherResults > 0, "%d results of other kinds", t.otherResults)
	if len(wrong) > 0 {
		return fmt.Errorf("the books do not agree: %s", strings.Join(wrong, "; "))
	}
	fmt.Fprintln(out, "All agrees: one result for each record, one receipt for each part, each joined to the record that caused it.")
	return nil
}

// progress is a line that is written over on a terminal, and now and then a line
// elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	last     time.Time
}

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	if ok {
		st, err := f.Stat()
		ok = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	return &progress{out: out, terminal: ok}
}

func (p *progress) show(line string) {
	now := time.Now()
	switch {
	case p.terminal:
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
	case now.Sub(p.last) >= time.Second:
		fmt.Fprintln(p.out, line)
	default:
		return
	}
	p.last = now
}

func (p *progress) end() {
	if p.terminal {
		fmt.Fprintln(p.out)
	}
}
