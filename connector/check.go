package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

// checkCommand is `smpp-connector check`: can everything be reached?
func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Read the configuration, reach Kafka and every SMSC (bind, then unbind), print a line each",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			cfg, err := config.Load(os.Environ())
			if err != nil {
				return err
			}
			failed := 0
			line := func(what string, err error, fine string) {
				if err != nil {
					failed++
					fmt.Fprintf(cmd.OutOrStdout(), "FAIL  %s: %s\n", what, printable(err.Error()))
					return
				}
				fmt.Fprintf(cmd.OutOrStdout(), "ok    %s: %s\n", what, fine)
			}
			line("configuration", nil, fmt.Sprintf("SMSCs: %d", len(cfg.SMSCs)))
			if cfg.Kafka.Embedded {
				line("kafka", nil, "embedded, started by run")
			} else {
				told, err := checkKafka(ctx, cfg)
				line("kafka", err, told.fine)
				for _, w := range told.warnings {
					fmt.Fprintf(cmd.OutOrStdout(), "warn  kafka: %s\n", printable(w))
				}
				switch {
				case told.clockWarning != "":
					fmt.Fprintf(cmd.OutOrStdout(), "warn  clock: %s\n", printable(told.clockWarning))
				case told.clock != "":
					line("clock", nil, told.clock)
				}
			}
			if len(cfg.Registry.URLs) > 0 {
				fine, err := checkRegistry(ctx, cfg)
				line("schema registry", err, fine)
			}
			for i := range cfg.SMSCs {
				ac, err := accountConfig(&cfg.SMSCs[i], slog.New(slog.DiscardHandler))
				if err == nil {
					bctx, cancel := context.WithTimeout(ctx, 3*ac.BindTimeout)
					err = smpp.CheckBind(bctx, ac)
					cancel()
				}
				fine := fmt.Sprintf("bound as %s and unbound", cfg.SMSCs[i].Bind)
				if o := cfg.SMSCs[i].Outbind.Listen; o != "" {
					fine = fmt.Sprintf("its receivers wait for an outbind on %s, which is not tried", o)
				}
				line("smsc "+cfg.SMSCs[i].Name, err, fine)
			}
			if failed > 0 {
				return errors.New("check failed")
			}
			return nil
		},
	}
}

// toldOfKafka is what checkKafka found where Kafka is reached.
type toldOfKafka struct {
	fine                string
	warnings            []string // what runs, and will not stand an outage
	clock, clockWarning string
}

func checkKafka(ctx context.Context, cfg *config.Config) (told toldOfKafka, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	cl, err := kafka.NewClient(cfg.Kafka)
	if err != nil {
		return told, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	mctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	meta, err := adm.BrokerMetadata(mctx)
	if err != nil {
		var token *kafka.TokenError
		if remedied := kafka.Remedy(err); remedied != err || errors.As(err, &token) {
			return told, remedied
		}
		return told, fmt.Errorf("%w (is KAFKA_BROKERS right, and does it speak TLS?)", err)
	}
	if err := kafka.CheckGroupProtocol(ctx, cl, &cfg.Kafka); err != nil {
		return told, err
	}
	var names []string
	for _, t := range topicsOf(cfg) {
		names = append(names, t.Name)
	}
	faults, hidden, err := missingTopicRights(ctx, cl, cfg, names)
	if err != nil {
		return told, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(hidden, name) })
	details, err := adm.ListTopics(ctx, names...)
	if err != nil {
		return told, err
	}
	var missing, there []string
	for _, name := range names {
		if d, ok := details[name]; ok && d.Err == nil {
			there = append(there, name)
		} else {
			missing = append(missing, name)
		}
	}
	if more, err := adm.ListTopics(ctx, cfg.InternalTopic(config.TopicRedriven)); err == nil { // another principal's, it may be
		maps.Copy(details, more)
	}
	for _, rights := range []func(context.Context, *kgo.Client, *config.Config) ([]string, error){missingGroupRights, missingTransactionRights} {
		more, err := rights(ctx, cl, cfg)
		if err != nil {
			return told, err
		}
		faults = append(faults, more...)
	}
	found, unseen := lookAtSettings(ctx, cl, cfg, details, meta.Brokers)
	faults, told.warnings = append(faults, found.faults...), found.warnings
	told.clock, told.clockWarning = compareClocks(ctx, cl, there)
	if len(missing) > 0 && !cfg.Kafka.TopicsCreate {
		faults = append(faults, fmt.Sprintf("topics %v do not exist and KAFKA_TOPICS_CREATE=false", missing))
	}
	if len(faults) > 0 {
		slices.Sort(faults)
		return told, errors.New(strings.Join(faults, "; "))
	}
	told.fine = fmt.Sprintf("brokers: %d, rights on topics, groups and transactional ids", len(meta.Brokers))
	if len(missing) > 0 {
		told.fine += fmt.Sprintf(", run will create %v", missing)
	} else {
		told.fine += ", all topics there"
	}
	if len(unseen) > 0 {
		told.fine += "; not looked at, since this principal may not see them: settings of " + strings.Join(unseen, ", ")
	}
	return told, nil
}
