// Command smpp-connector carries SMS between Kafka topics and mobile operators'
// SMSCs. It is meant to run as a sidecar container and is configured by
// environment variables alone; see the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitConfig = 2 // the configuration or the command line is wrong
)

func main() {
	code := mainExit()
	beforeExit()
	os.Exit(code)
}

// beforeExit is for builds that measure themselves: see measured.go.
var beforeExit = func() {}

func mainExit() int {
	err := run(context.Background(), os.Args[1:])
	if err == nil {
		return exitOK
	}
	var faults *config.Faults
	var usage *usageError
	if errors.As(err, &faults) || errors.As(err, &usage) {
		fmt.Fprintln(os.Stderr, err) // a line for each fault
		return exitConfig
	}
	fmt.Fprintln(os.Stderr, printable(err.Error()))
	return exitFailed
}

// usageError is a wrong command line.
type usageError struct{ error }

// noArguments is cobra.NoArgs as a wrong command line.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unexpected argument %q: see smpp-connector --help", args[0])}
	}
	return nil
}

func run(ctx context.Context, args []string) error {
	root := &cobra.Command{
		Use:   "smpp-connector",
		Short: "Kafka to SMPP and back: SMS with exactly one result for each record",
		Long: `smpp-connector takes SMS from Kafka topics to mobile operators over SMPP, and brings
results, delivery receipts and replies back as Kafka records.

Without a command it runs the sidecar, configured by environment variables
(see: smpp-connector config). To see everything work with nothing else
installed: smpp-connector demo`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown command %q: see smpp-connector --help", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runSidecar(cmd.Context(), os.Environ(), os.Stderr) },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(
		&cobra.Command{
			Use: "run", Short: "Run the sidecar: sink and source, until SIGTERM or SIGINT", Args: noArguments,
			RunE: root.RunE,
		},
		demoCommand(),
		simulateCommand(),
		checkCommand(),
		configCommand(),
		profileCommand(),
		previewCommand(),
		redriveCommand(),
		statusCommand(),
		planCommand(),
	)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// releaseVersion is set by the release's build: -ldflags "-X main.releaseVersion=…".
var releaseVersion string

func version() string {
	if releaseVersion != "" {
		return releaseVersion
	}
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, s := range bi.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "devel-" + s.Value[:12]
			}
		}
		if v := strings.TrimPrefix(bi.Main.Version, "v"); v != "" && v != "(devel)" {
			return v
		}
	}
	return "devel"
}
