//go:build faultpoint && !unix

package faultpoint

import "os"

// Where there are no signals, a process can only end.
var actions = map[string]func(){"exit": func() { os.Exit(3) }}
