//go:build !linux

package kafkatest

import "os/exec"

// dieWithParent does nothing: only Linux can tie a child to its parent. Cleanup ends the broker of a test that ends by itself.
func dieWithParent(*exec.Cmd) {}
