package main

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/smpp-connector/smpp-connector/internal/plan"
)

// planCommand is `smpp-connector plan`: what a load takes, before anything runs.
func planCommand() *cobra.Command {
	l := plan.Default()
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "What a load takes: binds, window, partitions, replicas, memory, and what a crash may leave in doubt",
		Long: `Print what a load takes, from measured costs, and how each figure was come by.
Nothing is read or reached; the figures are for one carrier.`,
		Example: `  smpp-connector plan --rate 5000 --rtt 80ms --parts 1.3
  smpp-connector plan --rate 400 --rtt 1s --window 10 --bind-tps 50 --binds 4`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.Check(); err != nil {
				return &usageError{err}
			}
			p := plan.Make(l)
			t := table.NewWriter()
			t.SetOutputMirror(cmd.OutOrStdout())
			t.SetStyle(table.StyleLight)
			t.Style().Options = table.OptionsNoBordersAndSeparators
			t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, Align: text.AlignRight}, {Number: 3, WidthMax: 110, WidthMaxEnforcer: text.WrapSoft}})
			for _, f := range p.Figures {
				t.AppendRow(table.Row{f.Name, f.Value, f.Why})
			}
			t.Render()
			for _, w := range p.Warnings {
				fmt.Fprintln(cmd.OutOrStdout(), "\nWARNING: "+w)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.Float64Var(&l.Rate, "rate", l.Rate, "messages a second")
	f.DurationVar(&l.RTT, "rtt", l.RTT, "time from a submit_sm to its answer")
	f.Float64Var(&l.Parts, "parts", l.Parts, "submit_sm for each message, on average")
	f.Float64Var(&l.Receipts, "receipts", l.Receipts, "receipts for each submit_sm, on average")
	f.DurationVar(&l.Wait, "receipt-wait", l.Wait, "SOURCE_RECEIPT_WAIT, for which each submission is kept")
	f.IntVar(&l.Window, "window", l.Window, "the most unanswered submits that the carrier takes on a bind")
	f.Float64Var(&l.BindTPS, "bind-tps", l.BindTPS, "the most submit_sm a second that it takes on a bind; 0: no limit")
	f.IntVar(&l.Binds, "binds", l.Binds, "the most binds that it gives; 0: no limit")
	f.Float64Var(&l.Cores, "cores", l.Cores, "CPU cores of a replica")
	f.IntVar(&l.Replicas, "replicas", l.Replicas, "the fewest replicas; with 2, one can die")
	return cmd
}
