// Package e2e tests what users do: the built binary, between Apache Kafka and an
// SMSC that shares no code with it. An auditor reads the topics with
// read_committed, and the SMSC's own log, and compares all of it.
//
// It consists of tests alone.
package e2e
