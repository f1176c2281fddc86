//go:build !linux

package kafkatest

import "os/exec"

// DieWithParent does nothing: only Linux can tie a child to its parent. Cleanup ends the broker of a test that ends by itself.
func DieWithParent(*exec.Cmd) {}
