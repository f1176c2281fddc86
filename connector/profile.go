package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/smpp-connector/smpp-connector/internal/pcap"
	"github.com/smpp-connector/smpp-connector/internal/profile"
)

// profileCommand is `smpp-connector profile`: what is known of carriers' habits.
func profileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Carriers' habits: list them, show one, test a file against its vectors or a capture",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown command profile %s: it is profile list, show or test", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List the profiles, those of CONNECTOR_PROFILES_DIR too", Args: noArguments,
			RunE: func(cmd *cobra.Command, _ []string) error {
				set, err := knownProfiles()
				if err != nil {
					return err
				}
				listProfiles(cmd.OutOrStdout(), set)
				return nil
			},
		},
		&cobra.Command{
			Use: "show NAME", Short: "Print a profile with all that it inherits, as YAML", Args: named("NAME", 1, 1),
			RunE: func(cmd *cobra.Command, args []string) error {
				p, err := profileOf(args[0])
				if err != nil {
					return err
				}
				b, err := p.Show()
				if err != nil {
					return err
				}
				_, err = cmd.OutOrStdout().Write(b)
				return err
			},
		},
		&cobra.Command{
			Use:   "test FILE [CAPTURE]",
			Short: "Run a profile (a file, or a name) against its vectors, or against a capture of SMPP (libpcap); a line each, exit 0 or 1",
			Args:  named("FILE [CAPTURE]", 1, 2),
			RunE: func(cmd *cobra.Command, args []string) error {
				p, err := profileOf(args[0])
				if err != nil {
					return err
				}
				if len(args) == 1 {
					return told(cmd.OutOrStdout(), p.Name, p.Test())
				}
				outcomes, err := testCapture(p, args[1])
				if err != nil {
					return err
				}
				return told(cmd.OutOrStdout(), p.Name, outcomes)
			},
		},
	)
	return cmd
}

// named wants some arguments.
func named(names string, least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return &usageError{fmt.Errorf("profile %s wants %s", cmd.Name(), names)}
		}
		return nil
	}
}

func knownProfiles() (*profile.Set, error) { return profile.Load(os.Getenv("CONNECTOR_PROFILES_DIR")) }

// profileOf is the profile of a file, where the argument looks like one, else of a name.
func profileOf(arg string) (*profile.Profile, error) {
	set, err := knownProfiles()
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(arg, `/\.`) {
		return set.LoadFile(arg)
	}
	return set.Get(arg)
}

func listProfiles(w io.Writer, set *profile.Set) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(table.Row{"Name", "Whose habits", "Extends", "Vectors", "From"})
	for _, p := range set.All() {
		t.AppendRow(table.Row{p.Name, p.Title, p.Extends, p.Vectors.Count(), p.Origin})
	}
	fmt.Fprintln(w, t.Render())
}

// told prints a line for each outcome; the error makes the exit code.
func told(w io.Writer, name string, outcomes []profile.Outcome) error {
	failed := 0
	for _, o := range outcomes {
		if o.Err != nil {
			failed++
			fmt.Fprintf(w, "FAIL  %s: %s: %s\n", name, printable(o.What), printable(o.Err.Error()))
			continue
		}
		fmt.Fprintf(w, "ok    %s: %s\n", name, printable(o.What))
	}
	switch {
	case len(outcomes) == 0:
		return fmt.Errorf("profile %s has no vectors: add some, or name a capture", name)
	case failed > 0:
		return errors.New("profile test failed")
	}
	return nil
}

func testCapture(p *profile.Profile, name string) ([]profile.Outcome, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	streams, err := pcap.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	sent := make([]profile.Sent, len(streams))
	for i := range streams {
		sent[i] = profile.Sent{Data: streams[i].Data, At: streams[i].At}
	}
	outcomes, err := p.TestCapture(sent)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return outcomes, nil
}
