package main

import (
	"fmt"
	"os"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// configCommand is `smpp-connector config`: every variable, and what is in force.
func configCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print every variable: name, type, default, meaning, and the value in force with secrets hidden",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t := table.NewWriter()
			t.SetStyle(table.StyleLight)
			t.Style().Format.Header = text.FormatDefault
			t.AppendHeader(table.Row{"Variable", "Type", "Default", "In force", "Meaning"})
			for _, v := range config.Variables(os.Environ()) {
				t.AppendRow(table.Row{v.Name, v.Type, v.Default, v.Value, v.Meaning})
			}
			t.SetColumnConfigs([]table.ColumnConfig{
				{Number: 2, WidthMax: 24, WidthMaxEnforcer: text.WrapSoft}, {Number: 3, WidthMax: 20}, {Number: 4, WidthMax: 32}, {Number: 5, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft},
			})
			fmt.Fprintln(cmd.OutOrStdout(), t.Render())
			if _, err := config.Load(os.Environ()); err != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "run would not start with this:\n%v\n", err)
			}
			return nil
		},
	}
}
