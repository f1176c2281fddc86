// Package profile knows carriers' habits: what data_coding 0 means, how receipts and
// message ids are written, what a command_status means for the next try, which TLVs there
// are and what must be in them, how addresses are marked, and what a connection is set to.
//
// A profile is data: one YAML file of version 1, described and checked by schema.json. Some
// are part of the program (profiles/*.yaml), others come from a folder. Whatever a file does
// not say it has from the profile that it extends, in the end from `standard`. Each brings
// its sources and examples, which `smpp-connector profile test` runs.
//
// The package reads the files that it is told to and talks to nothing. It may import sms and
// smpp/wire, so that every room may import it. A Profile is read only once it is loaded, and
// safe for concurrent use; its tables are made at start, and nothing of it allocates for a
// message but what a message has of TLVs.
package profile
