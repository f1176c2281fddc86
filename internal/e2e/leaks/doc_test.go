// Package leaks runs the built binary among records and SMSCs that hold a marker in every field, and looks through everything
// that the process puts out for them: log, metrics, pages, errors, exit messages, the dump of a crash.
//
// It is tests alone. It may import kafkatest, and smsc; the rooms of the connector are under test as a whole.
package leaks
