// Package kafkaproxy stands between Kafka clients and brokers and breaks what goes
// between them, on purpose and by the request: it knows the frames, so that it can lose
// the answer to an EndTxn that the broker has applied, and nothing else.
//
// It is for tests only. It may import the standard library and franz-go; no room of the
// connector. It speaks plain TCP: neither TLS nor SASL, of which the connections that a
// test breaks have none.
package kafkaproxy
