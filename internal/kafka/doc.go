// Package kafka talks to Kafka: clients, topics, committed offsets, and the
// transaction that commits records and offsets together or not at all.
//
// It decides nothing about messages: what to commit is the caller's. It may
// import config and Kafka client libraries; it must not import smpp, sink,
// source or resolve.
//
// Verified against Apache Kafka 4.3.0 and kfake; where their behaviour shaped
// the code, the comment there says so.
package kafka
