package kafka

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Remedy adds what to do to an error that stays until somebody does something.
func Remedy(err error) error {
	for _, r := range remedies {
		if errors.Is(err, r.err) {
			return fmt.Errorf("%w (%s)", err, r.text)
		}
	}
	return err
}

var remedies = []struct {
	err  error
	text string
}{
	{kerr.TopicAuthorizationFailed, "give this client's principal READ and DESCRIBE on its input topics, WRITE and DESCRIBE on its output topics, and all three on those that begin with CONNECTOR_NAME"},
	{kerr.GroupAuthorizationFailed, "give this client's principal READ on the groups that begin with connect-<CONNECTOR_NAME>-"},
	{kerr.TransactionalIDAuthorizationFailed, "give this client's principal WRITE and DESCRIBE on the transactional ids that begin with <CONNECTOR_NAME>-"},
	{kerr.ClusterAuthorizationFailed, "give this client's principal IDEMPOTENT_WRITE on the cluster, or run Kafka 2.8 or later"},
	{kerr.SaslAuthenticationFailed, "the brokers do not know these credentials: see KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, or KAFKA_SASL_OAUTH_…"},
	{kerr.UnsupportedSaslMechanism, "the brokers' listener offers other mechanisms: see KAFKA_SASL_MECHANISM"},
	{kerr.IllegalSaslState, "the brokers' listener has no authentication, or wants it: see KAFKA_SASL_MECHANISM"},
	{kerr.MessageTooLarge, "raise max.message.bytes of that topic to 1048576 (1 MiB)"},
	{kerr.InvalidTimestamp, "raise message.timestamp.before.max.ms and message.timestamp.after.max.ms of that topic"},
	{kerr.InvalidRecord, "a topic with cleanup.policy=compact takes no record without a key: set it to delete"},
	{kerr.KafkaStorageError, "the broker's disk has failed or is full: see its log"},
}
