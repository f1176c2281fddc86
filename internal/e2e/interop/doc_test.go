// Package interop has the built binary talk to SMPP stacks by other people: its
// connector to their servers, their clients to its simulator. What it is tried
// with, in which versions, and what came of it: internal/INTEROP.md.
//
// Each stack is a program of its own, in its own language, which tells what it saw;
// texts are read back by its own alphabets where it has some, else by gosmpp's. A
// proxy on the way writes down every octet, and tshark judges both directions.
//
// Beside the table stands, in the tracker tests, an SMSC with one bad habit at a time: those that
// the trackers of such stacks are full of.
//
// It consists of tests alone.
package interop
