package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/record/registry"
)

// written are the topics whose records have a schema.
func written(cfg *config.Config) registry.Topics {
	var t registry.Topics
	if cfg.Sink.Enabled {
		t.Results = cfg.Topics.Results
	}
	if cfg.Source.Enabled {
		t.Receipts, t.Inbound = cfg.Topics.Receipts, cfg.Topics.Inbound
	}
	return t
}

// forms are the forms in which records are written and read. With FORMAT=json nothing waits for the registry: it is asked when
// a record comes that names a schema. With another format nothing could be written before the schemas' ids are known, so the
// start waits for them; ids never change, so that later the registry may be away.
func (a *app) makeRecordForms(ctx, reading context.Context) (record.Form, record.Reader, error) {
	if len(a.cfg.Registry.URLs) == 0 {
		return record.JSON{}, record.PlainReader{}, nil
	}
	client, err := registry.NewClient(a.cfg.Registry)
	if err != nil {
		return nil, nil, err
	}
	reader := registry.NewReader(reading, client)
	if a.cfg.Format == config.FormatJSON {
		return record.JSON{}, reader, nil
	}
	for n := 1; ; n++ {
		tctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		w, err := registry.NewWriter(tctx, client, a.cfg.Format, written(a.cfg), a.cfg.Registry.Register)
		cancel()
		if err == nil {
			a.waitsFor.Store(nil)
			return w, reader, nil
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		a.waitsFor.Store(&err)
		if n == 1 || n%60 == 0 {
			a.log.Warn("the schemas of the records cannot be had yet; trying on", "error", err)
		}
		if err := kafka.Sleep(ctx, time.Second); err != nil {
			return nil, nil, err
		}
	}
}

// checkRegistry is a line of `smpp-connector check`.
func checkRegistry(ctx context.Context, cfg *config.Config) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client, err := registry.NewClient(cfg.Registry)
	if err != nil {
		return "", err
	}
	if err := client.Ping(ctx); err != nil {
		return "", fmt.Errorf("%w (is SCHEMA_REGISTRY_URL right?)", err)
	}
	switch {
	case cfg.Format == config.FormatJSON:
		return "answers; it is asked for schemas of what is read", nil
	case cfg.Registry.Register:
		return "answers; run will register what is missing", nil
	}
	if _, err := registry.NewWriter(ctx, client, cfg.Format, written(cfg), false); err != nil {
		return "", err
	}
	return fmt.Sprintf("answers, and has the %s schemas of %s", cfg.Format, strings.Join(topicsWritten(cfg), ", ")), nil
}

func topicsWritten(cfg *config.Config) (names []string) {
	t := written(cfg)
	for _, name := range []string{t.Results, t.Receipts, t.Inbound} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}
