package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/admin"
	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/profile"
	"github.com/smpp-connector/smpp-connector/internal/resolve"
	"github.com/smpp-connector/smpp-connector/internal/sink"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/source"
	"github.com/smpp-connector/smpp-connector/internal/trace"
)

// app is one replica: its parts, in the order in which they start.
type app struct {
	cfg         *config.Config
	log         *slog.Logger
	reg         *prometheus.Registry
	removeState func()

	embedded  *kafka.Embedded
	brokerDir string
	kafkaPort int // of the embedded broker; 0: any
	dialer    *kafka.Dialer
	trace     *trace.Tracer // nil: no traces
	control   *kgo.Client   // topics and reachability
	lease     *smpp.Lease
	forms     *resolve.Forms
	source    *source.Source
	parts     map[string]*part // sink and source, those that are enabled
	steering  *steering
	accounts  []*smpp.Account
	captures  []*smpp.Capture
	events    *events
	troubles  *troubles // the last of the log, for the status page
	rates     *rates
	admin     *admin.Server

	phase    atomic.Int32
	kafkaErr atomic.Pointer[error] // why Kafka does not answer; nil: it does
	waitsFor atomic.Pointer[error] // what else the start waits for
	reading  context.CancelFunc    // ends what the registry is asked

	controlTopic atomic.Pointer[kafka.Control] // nil: none, or not yet
	steered      context.Context               // ended by stop: no order is carried out any more
	endSteering  context.CancelFunc
	hurried      context.Context // ended when a drain that an order began has had its share of stop's time
	hurry        context.CancelFunc
	steerers     sync.WaitGroup
	probe        context.CancelFunc
	fatal        chan error
}

const (
	starting int32 = iota
	running
	stopping
)

func newApp(cfg *config.Config, log *slog.Logger) (*app, error) {
	brokerDir := cfg.StateDir // empty: a broker for this run only keeps its data in memory
	dir, remove, err := stateDir(cfg)
	if err != nil {
		return nil, err
	}
	cfg.StateDir = dir
	kept := &troubles{}
	log = slog.New(troubleLog{Handler: log.Handler(), kept: kept})
	a := &app{cfg: cfg, brokerDir: brokerDir, log: log, troubles: kept, rates: newRates(), reg: prometheus.NewRegistry(), removeState: remove, lease: smpp.NewLease(), fatal: make(chan error, 1)}
	a.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.parts = map[string]*part{}
	a.steered, a.endSteering = context.WithCancel(context.Background())
	a.hurried, a.hurry = context.WithCancel(context.Background())
	a.steering = &steering{app: a, members: map[string]seen{}}
	if cfg.Sink.Enabled {
		a.parts["sink"] = newPart(a, "sink", nil)
	}
	if cfg.Source.Enabled {
		a.parts["source"] = newPart(a, "source", nil)
	}
	a.admin = admin.New(admin.Options{
		Address: cfg.HTTP.Address, Username: cfg.HTTP.Username, Password: cfg.HTTP.Password, Name: cfg.Name, Version: version(),
		Gatherer: gatherer{a}, Connect: a.steering, Health: a.health, Ready: a.ready, Status: a.status, Log: log,
	})
	return a, nil
}

// failed brings the error of a part that cannot go on.
func (a *app) failed() <-chan error { return a.fatal }

// start brings the parts up. Kafka may come later than we do: /ready says so
// meanwhile.
func (a *app) start(ctx context.Context) error {
	if err := a.admin.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	cfg := a.cfg
	if cfg.Kafka.Embedded {
		e, err := kafka.StartEmbedded(a.brokerDir, a.kafkaPort)
		if err != nil {
			return err
		}
		a.embedded = e
		cfg.Kafka.Brokers = e.Addrs()
		a.log.Warn("using the embedded broker: one copy of the data in this process, not for production", "address", e.Addrs()[0], "state_dir", a.brokerDir)
	}
	tracer, err := trace.New(ctx, trace.Options{Config: cfg, Version: version(), Log: a.log, Reg: a.reg})
	if err != nil {
		return err
	}
	a.trace = tracer
	a.dialer = &kafka.Dialer{Config: cfg.Kafka, Log: a.log, Reg: a.reg}
	control, err := a.dialer.Client("control")
	if err != nil {
		return err
	}
	a.control = control
	counts, err := a.ensureTopics(ctx)
	if err != nil {
		return err
	}
	if err := kafka.CheckGroupProtocol(ctx, control, &cfg.Kafka); err != nil {
		return err
	}
	if err := a.startControl(ctx); err != nil {
		return err
	}
	if err := a.startParts(ctx, counts); err != nil {
		return err
	}
	for _, p := range a.parts {
		a.steerers.Go(func() { p.run(a.steered) })
	}
	pctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.probe = cancel
	go a.probeKafka(pctx) // ends with stop
	go a.keepRates(pctx)  // ends with stop
	a.phase.Store(running)
	a.log.Info("started", "name", cfg.Name, "version", version(), "sink", cfg.Sink.Enabled, "source", cfg.Source.Enabled, "smscs", len(cfg.SMSCs))
	return nil
}

// startParts: who takes what the SMSC sends is up before the first bind.
func (a *app) startParts(ctx context.Context, counts map[string]int32) error {
	cfg := a.cfg
	if err := a.makeForms(); err != nil {
		return err
	}
	rctx, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	a.reading = stopReading
	form, reader, err := a.makeRecordForms(ctx, rctx)
	if err != nil {
		return err
	}
	a.events = &events{}
	metrics := smpp.NewMetrics(a.reg)
	for i := range cfg.SMSCs {
		ac, err := accountConfig(&cfg.SMSCs[i], a.log)
		if err != nil {
			return err
		}
		if ac.Capture, err = a.capture(&cfg.SMSCs[i]); err != nil {
			return err
		}
		a.accounts = append(a.accounts, smpp.NewAccount(ac, a.events, a.lease, a.log, metrics))
	}
	if cfg.Source.Enabled {
		a.source = source.New(source.Options{Config: cfg, Dialer: a.dialer, Partitions: counts[cfg.InternalTopic(config.TopicDeliver)], Log: a.log, Reg: a.reg})
		if err := a.source.Start(ctx); err != nil {
			return err
		}
		if slices.ContainsFunc(cfg.SMSCs, func(c config.SMSC) bool { return c.QueryAfter > 0 }) {
			a.events.queries = newQueries(a.accounts, a.source, a.reg)
		}
		a.events.source = a.source
		a.parts["source"].begin = func(ctx context.Context, reg prometheus.Registerer, paused bool) (worker, error) {
			o := resolve.Options{Config: cfg, Dialer: a.dialer.With(reg), Forms: a.forms, Form: form, Trace: a.trace, Log: a.log, Reg: reg}
			if a.events.queries != nil {
				o.Query = a.events.queries.ask
			}
			r, err := resolve.New(o)
			if err != nil {
				return nil, err
			}
			if err := r.Start(ctx); err != nil {
				return nil, err
			}
			r.Pause(paused)
			return resolverWorker{r}, nil
		}
		if err := a.parts["source"].start(ctx); err != nil {
			return err
		}
	}
	if cfg.Sink.Enabled {
		a.parts["sink"].begin = func(ctx context.Context, reg prometheus.Registerer, paused bool) (worker, error) {
			s, err := sink.New(sink.Options{Config: cfg, Dialer: a.dialer.With(reg), Accounts: a.accounts, Lease: a.lease, Forms: a.forms, Form: form, Input: reader,
				SubmittedPartitions: counts[cfg.InternalTopic(config.TopicSubmitted)], Trace: a.trace, Log: a.log, Reg: reg})
			if err != nil {
				return nil, err
			}
			s.Pause(ctx, paused)
			a.events.sink.Store(s)
			return sinkWorker{s}, s.Start(ctx)
		}
		if err := a.parts["sink"].start(ctx); err != nil {
			return err
		}
	}
	for _, acc := range a.accounts {
		if err := acc.Start(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// watch passes on the failure of a part; the channel never closes otherwise.
func (a *app) watch(failed, ended <-chan struct{}, why func() error) {
	go func() {
		select {
		case <-failed:
		case <-ended:
			select {
			case <-failed:
			default:
				return
			}
		}
		select {
		case a.fatal <- why():
		default:
		}
	}()
}

// capture opens the SMSC's capture, nil if it has none. It is closed when the accounts have stopped.
func (a *app) capture(c *config.SMSC) (*smpp.Capture, error) {
	if c.Capture.File == "" {
		return nil, nil
	}
	capture, err := smpp.NewCapture(c.Capture.File, int64(c.Capture.MaxMB)<<20, c.Capture.Redact, a.log.With("smsc", c.Name))
	if err != nil {
		return nil, fmt.Errorf("SMSC %s: %w", c.Name, err)
	}
	a.captures = append(a.captures, capture)
	a.log.Info("PDUs are captured", "smsc", c.Name, "file", c.Capture.File, "redacted", c.Capture.Redact)
	return capture, nil
}

func (a *app) makeForms() error {
	fixed := make(map[string]sms.IDForm)
	for _, c := range a.cfg.SMSCs {
		f, ok := sms.ParseIDForm(c.MessageID)
		if !ok {
			return fmt.Errorf("SMSC %s: message id form %q is not known", c.Name, c.MessageID)
		}
		fixed[c.Name] = f
	}
	a.forms = resolve.NewForms(fixed)
	return nil
}

func accountConfig(c *config.SMSC, log *slog.Logger) (smpp.AccountConfig, error) {
	bind, ok := smpp.ParseBindType(c.Bind)
	if !ok {
		return smpp.AccountConfig{}, fmt.Errorf("SMSC %s: bind %q is not known", c.Name, c.Bind)
	}
	version, ok := smpp.ParseVersion(c.InterfaceVersion)
	if !ok {
		return smpp.AccountConfig{}, fmt.Errorf("SMSC %s: interface version %q is not known", c.Name, c.InterfaceVersion)
	}
	ac := smpp.AccountConfig{
		Name: c.Name, Addresses: c.Addresses, Version: version, SystemID: c.SystemID, Password: c.Password, SystemType: c.SystemType,
		Bind: bind, Binds: c.Binds, Window: c.Window, TPS: c.TPS, BindTPS: c.BindTPS,
		AddressTON: byte(c.AddressTON), AddressNPI: byte(c.AddressNPI), AddressRange: c.AddressRange,
		ReturnAfter: c.ReturnAfter, KeepAlive: cmp.Or(c.TCPKeepalive, -1),
		Statuses: c.Habits.Statuses, RetryStatus: retryStatus(c.Habits),
		EnquireLink: c.EnquireLink, ResponseTimeout: c.ResponseTimeout, BindTimeout: c.BindTimeout,
	}
	if o := &c.Outbind; o.Listen != "" {
		ac.Outbind = &smpp.Outbind{Listen: o.Listen, From: o.Prefixes(), SystemID: o.SystemID, Password: o.Password}
	}
	if files := c.TLS.Files(); files != nil {
		// Read now: what cannot be used from the start is an error of the start.
		if _, err := files.Config(); err != nil {
			return smpp.AccountConfig{}, fmt.Errorf("SMSC %s: %w", c.Name, err)
		}
		ac.TLS = func() (*tls.Config, error) {
			config, err := files.Config()
			if err != nil && config != nil {
				log.Warn("the TLS files cannot be used as they are now; going on with the last that could", "smsc", c.Name, "error", err)
			}
			return config, err
		}
		if ac.Outbind != nil {
			ac.Outbind.TLS = func() (*tls.Config, error) { return asServer(ac.TLS()) }
		}
	}
	return ac, nil
}

// asServer turns a client's TLS around: its certificate is shown, and its authorities, if any are named, must have signed the peer's.
func asServer(client *tls.Config, err error) (*tls.Config, error) {
	if client == nil {
		return nil, err
	}
	server := &tls.Config{MinVersion: client.MinVersion, Certificates: client.Certificates, ClientCAs: client.RootCAs}
	if server.ClientCAs != nil {
		server.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return server, err
}

// retryStatus is what the profile has an SMSC told to send again; 0: the usual statuses do, of which one says that the queue is full.
func retryStatus(p *profile.Profile) uint32 {
	if p.RetryStatus == wire.StatusSysErr {
		return 0
	}
	return p.RetryStatus
}

// ensureTopics waits for Kafka and makes what is missing.
func (a *app) ensureTopics(ctx context.Context) (map[string]int32, error) {
	topics := topicsOf(a.cfg)
	for n := 1; ; n++ {
		tctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		counts, err := kafka.EnsureTopics(tctx, a.control, topics, a.cfg.Kafka.TopicsCreate, a.cfg.Kafka.TopicsReplication)
		cancel()
		if err == nil {
			a.kafkaErr.Store(nil)
			d, s := counts[a.cfg.InternalTopic(config.TopicDeliver)], counts[a.cfg.InternalTopic(config.TopicSubmitted)]
			if a.cfg.Source.Enabled && d != s {
				return nil, fmt.Errorf("topics %s and %s have %d and %d partitions: they must have the same number, since a receipt has to meet its submission",
					a.cfg.InternalTopic(config.TopicDeliver), a.cfg.InternalTopic(config.TopicSubmitted), d, s)
			}
			return counts, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		a.kafkaErr.Store(&err)
		if n == 1 || n%60 == 0 {
			a.log.Warn("Kafka cannot be used yet; trying on", "error", kafka.Remedy(err))
		}
		if err := kafka.Sleep(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

// topicsOf lists what must be there, and how it is made where it is not.
func topicsOf(cfg *config.Config) []kafka.Topic {
	n := cfg.Kafka.TopicsPartitions
	var topics []kafka.Topic
	add := func(name string, configs map[string]string) {
		if !slices.ContainsFunc(topics, func(t kafka.Topic) bool { return t.Name == name }) {
			topics = append(topics, kafka.Topic{Name: name, Partitions: n, Configs: configs})
		}
	}
	if cfg.Kafka.TopicsCreate { // without it nothing can be steered over REST, and all else works
		topics = append(topics, kafka.Topic{Name: cfg.InternalTopic(config.TopicControl), Partitions: 1, Configs: map[string]string{"cleanup.policy": "compact"}})
	}
	if cfg.Sink.Enabled {
		for _, t := range cfg.Sink.Topics {
			add(t, nil)
		}
		if list := cfg.Sink.OptOuts.Topic; list != "" {
			add(list, map[string]string{"cleanup.policy": "compact"})
		}
		add(cfg.Topics.Results, nil)
		add(cfg.Topics.DeadLetter, nil)
		add(cfg.InternalTopic(config.TopicSubmitted), submittedConfig(cfg))
	}
	if cfg.Source.Enabled {
		add(cfg.Topics.Receipts, nil)
		add(cfg.Topics.Inbound, nil)
		add(cfg.InternalTopic(config.TopicSubmitted), submittedConfig(cfg))
		add(cfg.InternalTopic(config.TopicDeliver), map[string]string{"retention.ms": millis(7 * 24 * time.Hour)})
		add(cfg.InternalTopic(config.TopicWaiting), map[string]string{"cleanup.policy": "compact"})
	}
	return topics
}

// submittedConfig keeps submissions for as long as a receipt may come, and a
// week at least, so that a connector that was away meanwhile still finds them.
func submittedConfig(cfg *config.Config) map[string]string {
	return map[string]string{"retention.ms": millis(max(2*cfg.Source.ReceiptWait, 7*24*time.Hour))}
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// probeKafka tells /ready whether the brokers answer.
func (a *app) probeKafka(ctx context.Context) {
	for {
		pctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := a.control.Ping(pctx)
		cancel()
		if ctx.Err() != nil {
			return
		}
		was := a.kafkaErr.Load()
		switch {
		case err == nil && was != nil:
			a.kafkaErr.Store(nil)
			a.log.Info("Kafka answers again")
		case err != nil:
			a.kafkaErr.Store(&err)
			if was == nil {
				a.log.Warn("Kafka does not answer", "error", kafka.Remedy(err))
			}
		}
		if kafka.Sleep(ctx, 2*time.Second) != nil {
			return
		}
	}
}

// stop drains: the sink first, while the sessions still bring answers; then the
// sessions, while the source still takes what they bring; then what is behind.
func (a *app) stop(ctx context.Context) {
	a.phase.Store(stopping)
	a.log.Info("draining")
	began := time.Now()
	// No order is carried out from here on but the one in hand.
	a.endSteering()
	if c := a.controlTopic.Load(); c != nil {
		c.Stop()
	}
	a.awaitOrders(ctx)
	if p := a.parts["sink"]; p != nil {
		sctx, cancel := within(ctx, 0.7)
		p.stop(sctx)
		cancel()
	}
	done := make(chan struct{})
	for _, acc := range a.accounts {
		go func() {
			actx, cancel := within(ctx, 0.7)
			defer cancel()
			acc.Stop(actx)
			done <- struct{}{}
		}()
	}
	for range a.accounts {
		<-done
	}
	for _, c := range a.captures {
		c.Close()
	}
	if a.source != nil {
		a.source.Stop(ctx)
	}
	if p := a.parts["source"]; p != nil {
		p.stop(ctx)
	}
	a.trace.Stop(ctx)
	if a.probe != nil {
		a.probe()
	}
	if a.reading != nil {
		a.reading()
	}
	a.admin.Stop(ctx)
	if a.control != nil {
		a.control.Close()
	}
	if a.embedded != nil {
		a.embedded.Close()
	}
	a.log.Info("stopped", "after", time.Since(began).Round(time.Millisecond).String())
}

// awaitOrders waits for the order in hand. If that drains a part it is the drain that we owe, and has the sink's share of the time: cut short, all that the
// SMSCs have not answered yet would be in doubt.
func (a *app) awaitOrders(ctx context.Context) {
	ctx, cancel := within(ctx, 0.7)
	defer cancel()
	defer context.AfterFunc(ctx, a.hurry)()
	a.steerers.Wait()
}

// within is a share of the time that ctx has left.
func within(ctx context.Context, share float64) (context.Context, context.CancelFunc) {
	d, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(share*float64(time.Until(d))))
}

func (a *app) cleanUp() { a.removeState() }
