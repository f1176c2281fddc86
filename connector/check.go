package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

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
				fine, err := checkKafka(ctx, cfg)
				line("kafka", err, fine)
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

func checkKafka(ctx context.Context, cfg *config.Config) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cl, err := kafka.NewClient(cfg.Kafka)
	if err != nil {
		return "", err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	meta, err := adm.BrokerMetadata(ctx)
	if err != nil {
		var token *kafka.TokenError
		if told := kafka.Remedy(err); told != err || errors.As(err, &token) {
			return "", told
		}
		return "", fmt.Errorf("%w (is KAFKA_BROKERS right, and does it speak TLS?)", err)
	}
	if err := kafka.CheckGroupProtocol(ctx, cl, &cfg.Kafka); err != nil {
		return "", err
	}
	var names []string
	for _, t := range topicsOf(cfg) {
		names = append(names, t.Name)
	}
	details, err := adm.ListTopics(ctx, names...)
	if err != nil {
		return "", err
	}
	var missing []string
	for _, name := range names {
		if d, ok := details[name]; !ok || d.Err != nil {
			missing = append(missing, name)
		}
	}
	faults, err := faultsOfTopics(ctx, cl, cfg)
	if err != nil {
		return "", err
	}
	if len(faults) > 0 {
		return "", errors.New(strings.Join(faults, "; "))
	}
	fine := fmt.Sprintf("brokers: %d", len(meta.Brokers))
	switch {
	case len(missing) > 0 && !cfg.Kafka.TopicsCreate:
		return "", fmt.Errorf("topics %v do not exist and KAFKA_TOPICS_CREATE=false", missing)
	case len(missing) > 0:
		fine += fmt.Sprintf(", run will create %v", missing)
	default:
		fine += ", all topics there"
	}
	return fine, nil
}
