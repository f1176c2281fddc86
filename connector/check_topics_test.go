package main

import (
	"strings"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

func TestCheckTellsOfTopicsThatWouldLoseRecords(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		cfg, err := config.Load(redriveEnv(b))
		if err != nil {
			t.Fatal(err)
		}
		kafkatest.CreateTopicsWith(t, b, 1, map[string]string{"cleanup.policy": "compact"}, "sms.outbound", "smpp.waiting")
		kafkatest.CreateTopics(t, b, 1, "sms.results", "smpp.control")
		_, err = checkKafka(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), "topic sms.outbound has cleanup.policy=compact") || !strings.Contains(err.Error(), "topic smpp.control has cleanup.policy=delete") ||
			strings.Contains(err.Error(), "sms.results") || strings.Contains(err.Error(), "smpp.waiting") {
			t.Errorf("%v", err)
		}
	})
}
