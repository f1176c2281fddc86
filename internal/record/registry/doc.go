// Package registry writes and reads records by the schemas of a Confluent-compatible schema registry: Avro, Protobuf and
// JSON Schema, in Confluent's wire format (a zero byte, the schema's id in four bytes big endian, of Protobuf the path to the message, then
// the data), with subjects named after the topic (TopicNameStrategy: sms.results-value).
//
// What is read may be written by any schema whose fields have the names of ours. It is turned into the JSON that the record
// would be, and read as that: so there is one place that says what is right, and one sentence for what is wrong.
//
// It may import record and config, and the libraries of the formats; it must not import the packages that talk to Kafka or to an SMSC.
package registry
