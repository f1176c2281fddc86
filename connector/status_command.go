package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/smpp-connector/smpp-connector/internal/admin"
	"github.com/smpp-connector/smpp-connector/internal/config"
)

// statusCommand is `smpp-connector status`: the status page of a connector that runs, on a terminal.
func statusCommand() *cobra.Command {
	var url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print what the status page of a running connector shows; exit 0 if it is healthy, else 1",
		Long: `status asks the connector that listens on HTTP_ADDRESS (on this host, unless --url names another), with
HTTP_USERNAME and HTTP_PASSWORD where they are set. It exits with 0 if that is healthy, and with 1 if it
is not or cannot be asked.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			cfg, err := config.LoadHTTP(os.Environ())
			if err != nil {
				return err
			}
			if url == "" {
				if url = urlOf(cfg.Address); url == "" {
					return &usageError{errors.New("HTTP_ADDRESS is empty or has port 0: say where the connector listens with --url http://host:port")}
				}
			}
			raw, report, err := askStatus(ctx, url, cfg)
			if err != nil {
				return err
			}
			if asJSON {
				_, err = cmd.OutOrStdout().Write(raw)
			} else {
				showStatus(cmd.OutOrStdout(), report)
			}
			if err == nil && report.Health != admin.Healthy {
				err = fmt.Errorf("%s is %s", printable(report.Name), printable(string(report.Health)))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "where the connector listens (default http://127.0.0.1 with the port of HTTP_ADDRESS)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON, as GET /ui.json answers")
	return cmd
}

// urlOf is where a listener on that address can be reached from its own host; "" where nobody can know.
func urlOf(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

const (
	statusLimit = 10 * time.Second
	maxStatus   = 16 << 20
)

func askStatus(ctx context.Context, url string, cfg *config.HTTP) (raw []byte, report *admin.Report, err error) {
	ctx, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/ui.json", nil)
	if err != nil {
		return nil, nil, &usageError{fmt.Errorf("--url: %w", err)}
	}
	if cfg.Username != "" {
		req.SetBasicAuth(cfg.Username, cfg.Password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("%w (is the connector running there? see HTTP_ADDRESS and --url)", err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err = io.ReadAll(io.LimitReader(resp.Body, maxStatus))
	switch {
	case err != nil:
		return nil, nil, err
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, nil, errors.New("the connector wants credentials: set HTTP_USERNAME and HTTP_PASSWORD as it has them")
	case resp.StatusCode != http.StatusOK:
		return nil, nil, fmt.Errorf("%s answers %s: is that a smpp-connector?", req.URL.Redacted(), resp.Status)
	}
	report = new(admin.Report)
	if err := json.Unmarshal(raw, report); err != nil || report.Name == "" {
		return nil, nil, fmt.Errorf("%s does not answer as a smpp-connector does", req.URL.Redacted())
	}
	return raw, report, nil
}

func showStatus(w io.Writer, r *admin.Report) {
	ready := yesNo(r.Ready, "ready", "not ready")
	fmt.Fprintf(w, "%s %s at %s: %s, %s\n", printable(r.Name), printable(r.Version), r.At.Format(time.RFC3339), printable(string(r.Health)), ready)
	for _, reason := range r.Reasons {
		fmt.Fprintf(w, "  %s\n", printable(reason))
	}
	for _, s := range r.Sections {
		fmt.Fprintf(w, "\n%s\n", printable(s.Name))
		if s.Note != "" {
			fmt.Fprintln(w, printable(s.Note))
		}
		if len(s.Rows) == 0 {
			fmt.Fprintln(w, "none")
			continue
		}
		t := table.NewWriter()
		t.SetStyle(table.StyleLight)
		t.Style().Format.Header = text.FormatDefault
		t.AppendHeader(cells(s.Columns))
		for _, row := range s.Rows {
			t.AppendRow(cells(row))
		}
		fmt.Fprintln(w, t.Render())
	}
}

// cells come from another process: nothing in them may steer the terminal.
func cells(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, s := range texts {
		row[i] = printable(s)
	}
	return row
}
