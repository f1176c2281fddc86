package config

import (
	"strings"
)

// Dotted is a variable's name as Kafka Connect's tools show settings: SMSC_0_TLS_CA_FILE is smsc.0.tls.ca.file.
func Dotted(variable string) string { return strings.ReplaceAll(strings.ToLower(variable), "_", ".") }

// Undotted is the variable that a dotted name stands for.
func Undotted(name string) string { return strings.ReplaceAll(strings.ToUpper(name), ".", "_") }
