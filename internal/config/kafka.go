package config

import (
	"slices"
	"time"
)

// Embedded is the value of KAFKA_BROKERS that asks for the embedded broker.
const Embedded = "embedded"

// The protocols of consumer groups.
const (
	GroupClassic  = "classic"
	GroupConsumer = "consumer" // KIP-848
)

// Kafka is how brokers are reached, and what topics are made of that are missing.
type Kafka struct {
	Brokers  []string `env:"BROKERS" required:"true" type:"list of host:port, or embedded" desc:"brokers to begin with, or embedded for the broker in this process, which is not for production"`
	Embedded bool     `env:"-"` // KAFKA_BROKERS is "embedded"; Brokers is then empty, and whoever starts the broker fills it
	TLS      TLS      `envPrefix:"TLS_"`
	SASL     SASL     `envPrefix:"SASL_"`
	// SessionTimeout must lie within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms (6 s and 30 min by
	// default), which cannot be known here; a broker refuses others with INVALID_SESSION_TIMEOUT.
	SessionTimeout time.Duration `env:"SESSION_TIMEOUT" envDefault:"10s" min:"1s" max:"30m" desc:"after which a dead replica's partitions go to others, for classic groups; brokers refuse less than 6s unless their group.min.session.timeout.ms says otherwise"`
	// GroupProtocol: a group whose members have left may be joined by the other; Kafka also moves one that lives from protocol to protocol.
	GroupProtocol     string `env:"GROUP_PROTOCOL" envDefault:"classic" oneof:"classic consumer" desc:"protocol of the consumer groups: classic, or consumer (KIP-848, Kafka 4.0 and later: brokers assign partitions, and a dead replica's go to others after the broker's group.consumer.session.timeout.ms)"`
	TopicsCreate      bool   `env:"TOPICS_CREATE" envDefault:"true" desc:"create topics that are missing"`
	TopicsPartitions  int32  `env:"TOPICS_PARTITIONS" envDefault:"6" min:"1" max:"10000" desc:"partitions of topics that are created"`
	TopicsReplication int16  `env:"TOPICS_REPLICATION" envDefault:"-1" min:"-1" max:"32767" desc:"replicas of topics that are created; -1 for the broker's default"`
}

func (l *loader) checkKafka(k *Kafka) {
	l.checkTLS("KAFKA_TLS_", &k.TLS)
	l.checkSASL(k)
	if k.TopicsReplication == 0 && l.fine("KAFKA_TOPICS_REPLICATION") {
		l.fault("KAFKA_TOPICS_REPLICATION", "must be -1 for the broker's default, or 1 or more")
	}
	if !l.fine("KAFKA_BROKERS") {
		return
	}
	if slices.Contains(k.Brokers, Embedded) {
		if len(k.Brokers) > 1 {
			l.fault("KAFKA_BROKERS", "embedded stands alone: give it without other brokers, or leave it out")
			return
		}
		k.Embedded, k.Brokers = true, nil
		if k.TLS.Enabled && l.fine("KAFKA_TLS_ENABLED") {
			l.fault("KAFKA_TLS_ENABLED", "the embedded broker has no TLS: leave it out")
		}
		return
	}
	l.checkAddresses("KAFKA_BROKERS", k.Brokers)
}
