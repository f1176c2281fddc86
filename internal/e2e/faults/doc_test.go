// Package faults proves the promises of the contract by breaking things: it runs the built binary between a broker (kfake, Apache
// Kafka) and simulated SMSCs, breaks one of them while numbered records flow, and then compares all books: what was produced, what
// the SMSC got, and what the topics show with read_committed. Each scenario is a row; internal/PROMISES.md says which promise
// is tested by which.
//
// It consists of tests alone. It may import the harness (kafkatest, the simulator and the proxies of e2e) and the pure rooms that
// decode what the topics hold (record, ledger, sms); no room whose behaviour it judges.
//
// The binary is built with the tag faultpoint, without which it is what is released.
package faults
