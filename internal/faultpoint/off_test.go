//go:build !faultpoint

package faultpoint

import "testing"

func TestWithoutTheTagAPointDoesNothing(t *testing.T) {
	t.Setenv("SMPP_FAULTPOINT", "a:1:kill")
	if n := testing.AllocsPerRun(100, func() { At("a") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
