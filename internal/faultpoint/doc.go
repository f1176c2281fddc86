// Package faultpoint names places in the code at which a process can be made to die or to freeze, so that the crash suite
// (internal/e2e/faults) can have it die exactly there.
//
//	faultpoint.At("sink.end.before")
//
// Code that several parts run says which of them runs it: faultpoint.In(prefix, "end.before").
//
// In a build without the tag faultpoint, which is every build that is released, At is an empty function that the compiler takes
// away. With the tag, the environment says what happens where:
//
//	SMPP_FAULTPOINT=name:n:action[,name:n:action…]
//
// At the n-th time that the point is passed (counted from 1) the process
//
//	kill    gets SIGKILL from itself
//	stop    gets SIGSTOP from itself, and goes on after SIGCONT
//	exit    ends at once with status 3, its files and sockets closed by the system
//
// SMPP_FAULTPOINT_FROM names a file: until there is one of that name, no pass counts. So the moment can be chosen from outside, however
// fast the machine is.
//
// A line on standard error says so before it happens. A point that nobody has named may be passed as often as one likes.
//
// faultpoint.Wall is where a time of day, and not a duration, is taken down: in such a build the clock of these can be stepped while the
// process runs. SMPP_FAULTPOINT_CLOCK names a file that holds by how much, a Go duration; durations are counted on a clock that no step reaches, as
// everywhere in Go.
//
// The package may import the standard library only; every room may import it.
package faultpoint
