// Package config turns environment variables into a typed, checked configuration, and says of every variable what it is for.
//
// A variable's name, default, limits and meaning stand in one place: the tags of the struct field that it fills. Load, its faults and
// Variables all read them there.
//
// The package imports no room of the connector but profile and number, which are data, and nothing that reaches the network. It reads files where a
// variable names one (secrets, certificates, profiles), and nothing of the process's environment: what Load is given is all there is.
package config

import (
	"log/slog"
	"time"
)

// The tags of a field:
//
//	env, envDefault, envPrefix   as in caarlos0/env
//	desc      the meaning, for `smpp-connector config`
//	type      the type shown there, where the Go type says too little
//	oneof     the values allowed, separated by spaces; read without regard to case
//	min, max  limits of a number or a duration, both included
//	secret    never shown, and may be given as X_FILE
//	required  must be set
//	keepempty the empty value means something of its own; elsewhere it means "not set"

// Config is the whole configuration. Everything in it has been checked: a Config with a fault is never handed out.
type Config struct {
	Name            string        `env:"CONNECTOR_NAME" envDefault:"smpp" desc:"groups are connect-<name>-sink and connect-<name>-source; internal topics and transactional ids begin with it"`
	HTTP            HTTP          `envPrefix:"HTTP_"`
	ReadyRequires   []string      `env:"READY_REQUIRES" envDefault:"kafka" type:"kafka or kafka,smsc" desc:"what /ready needs; a sidecar's readiness counts for its whole pod"`
	Log             Log           `envPrefix:"LOG_"`
	ProfilesDir     string        `env:"CONNECTOR_PROFILES_DIR" type:"path" desc:"folder of profiles (*.yaml) beside those that are part of the program"`
	StateDir        string        `env:"STATE_DIR" type:"path" desc:"where local state lives, a temporary folder when not set; losing it costs a rebuild from Kafka, never a message"`
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"20s" min:"1ms" max:"24h" desc:"drain limit after SIGTERM; a second signal ends at once"`
	Kafka           Kafka         `envPrefix:"KAFKA_"`
	Sink            Sink          `envPrefix:"SINK_"`
	Topics          Topics
	Source          Source   `envPrefix:"SOURCE_"`
	Format          string   `env:"FORMAT" envDefault:"json" oneof:"json avro protobuf jsonschema" desc:"form of the records written; all but json need a schema registry. What is read is recognised by itself"`
	Registry        Registry `envPrefix:"SCHEMA_REGISTRY_"`
	Delivery        Delivery `envPrefix:"DELIVERY_"`
	Tracing         Tracing  `envPrefix:"OTEL_"`
	SMSCs           []SMSC   `env:"-"` // by their number n in SMSC_<n>_; at least one

	Shown []Variable `env:"-"` // what it was made of, secrets hidden
}

// HTTP is the REST interface, with health, metrics and status page.
type HTTP struct {
	Address  string `env:"ADDRESS" envDefault:":8083" keepempty:"true" type:"host:port" desc:"REST, metrics, health and status page; set but empty: none"`
	Username string `env:"USERNAME" desc:"basic authentication for everything but /health, /ready and /metrics; without it requests that change something are answered to loopback only"`
	Password string `env:"PASSWORD" secret:"true" desc:"password that goes with HTTP_USERNAME"`
}

// Log is what the log holds and how it is written.
type Log struct {
	Level  slog.Level `env:"LEVEL" envDefault:"info" oneof:"debug info warn error" desc:"least level that is logged"`
	Format string     `env:"FORMAT" envDefault:"json" oneof:"json text" desc:"form of the log"`

	Now *slog.LevelVar `env:"-"` // the level in force: Level, until it is changed while the connector runs
}

// Sink is the side from Kafka to the SMSCs.
type Sink struct {
	Enabled bool `env:"ENABLED" envDefault:"true" desc:"run the side from Kafka to SMPP"`
	// Topics is empty when TopicsRegex is set, and the other way round.
	Topics []string `env:"TOPICS" envDefault:"sms.outbound" desc:"input topics; not together with SINK_TOPICS_REGEX"`
	// TopicsRegex is anchored at both ends by Load: like Kafka Connect's topics.regex it must match the whole name.
	TopicsRegex string `env:"TOPICS_REGEX" type:"regular expression" desc:"input topics as one pattern for the whole name (Go syntax); not together with SINK_TOPICS"`
	// PriorityTopics is read into TopicPriorities by Load.
	PriorityTopics  []string       `env:"PRIORITY_TOPICS" type:"list of topic or topic=0..3" desc:"input topics whose records have this priority (3 where none is given) unless they name one; see internal/FLOW.md"`
	TopicPriorities map[string]int `env:"-"`
	Quiet           Quiet          `envPrefix:"QUIET_"`
	OptOuts         OptOuts        `envPrefix:"OPTOUTS_"`
	// Transliterate is for records that do not say.
	Transliterate  bool   `env:"TRANSLITERATE" envDefault:"false" desc:"put typographic quotes, dashes, accents and the like into GSM 7-bit characters where the text then needs no other alphabet; a record's transliterate goes before it"`
	DefaultCountry string `env:"DEFAULT_COUNTRY" type:"ISO 3166-1 code, such as DE" desc:"country whose numbers may be written without + and calling code; destinations are then checked by E.164; without it they are taken as they are"`
}

// Source is the side from the SMSCs to Kafka.
type Source struct {
	Enabled     bool          `env:"ENABLED" envDefault:"true" desc:"run the side from SMPP to Kafka"`
	MatchWait   time.Duration `env:"MATCH_WAIT" envDefault:"10m" min:"1ms" max:"8760h" desc:"how long a receipt waits for its submission before it is published uncorrelated"`
	ReceiptWait time.Duration `env:"RECEIPT_WAIT" envDefault:"72h" min:"1ms" max:"8760h" desc:"how long a submission waits for its final receipt before a final UNKNOWN is published for it"`
	PartsWait   time.Duration `env:"PARTS_WAIT" envDefault:"30m" min:"1ms" max:"8760h" desc:"how long a long inbound message waits for its parts before it is published incomplete"`
}

// Topics are the output topics.
type Topics struct {
	Results    string `env:"RESULTS_TOPIC" envDefault:"sms.results" type:"topic" desc:"one result for each outbound record"`
	Receipts   string `env:"RECEIPTS_TOPIC" envDefault:"sms.receipts" type:"topic" desc:"delivery receipts"`
	Inbound    string `env:"INBOUND_TOPIC" envDefault:"sms.inbound" type:"topic" desc:"messages from subscribers"`
	DeadLetter string `env:"DEADLETTER_TOPIC" envDefault:"sms.deadletter" type:"topic" desc:"outbound records that were not sent, as they came"`
}

// Delivery is what becomes of records whose way is not straight.
type Delivery struct {
	InDoubt        string        `env:"IN_DOUBT" envDefault:"resend" oneof:"resend hold" desc:"a record that may or may not have reached the SMSC before a crash: resend (its result says possible_duplicate) or hold (its result says in_doubt, and it goes to the dead letter topic)"`
	Errors         string        `env:"ERRORS" envDefault:"deadletter" oneof:"deadletter stop" desc:"a record that can never be sent: deadletter or stop"`
	RetryFor       time.Duration `env:"RETRY_FOR" envDefault:"24h" min:"1ms" max:"8760h" desc:"how long a temporary refusal is retried before the result is expired"`
	CommitInterval time.Duration `env:"COMMIT_INTERVAL" envDefault:"20ms" min:"1ms" max:"10s" desc:"least time between two transactions; under half of KAFKA_SESSION_TIMEOUT"`
}

// FormatJSON is the value of FORMAT that needs no registry.
const FormatJSON = "json"

// Kinds of internal topics, for InternalTopic.
const (
	TopicSubmitted = "submitted"
	TopicDeliver   = "deliver"
	TopicWaiting   = "waiting"
	TopicControl   = "control"
	TopicRedriven  = "redriven"
)

var internalKinds = [...]string{TopicSubmitted, TopicDeliver, TopicWaiting, TopicControl, TopicRedriven}

// InternalTopic is the name of the connector's own topic of a kind.
func (c *Config) InternalTopic(kind string) string { return c.Name + "." + kind }

// SinkGroup is the consumer group of the sink. Kafka Connect names the group of a sink connector the same way, so that tools find it.
func (c *Config) SinkGroup() string { return "connect-" + c.Name + "-sink" }

// SourceGroup is the consumer group of the source's resolver.
func (c *Config) SourceGroup() string { return "connect-" + c.Name + "-source" }
