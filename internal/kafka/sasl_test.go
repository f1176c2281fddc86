package kafka_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// TestMSKIAMSignsWithTheCredentialsOfTheEnvironment has a broker that takes down what AWS_MSK_IAM sends. No such broker can be run
// outside of AWS: what the signature must be is the client library's to know, what is signed and with whose key is ours.
func TestMSKIAMSignsWithTheCredentialsOfTheEnvironment(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "of-the-environment")
	t.Setenv("AWS_SESSION_TOKEN", "session")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, c := range []struct {
		name string
		sasl config.SASL
		key  string
	}{
		{"found as by any AWS program", config.SASL{Mechanism: config.SASLMSKIAM}, "AKIAFROMENV/"},
		{"given", config.SASL{Mechanism: config.SASLMSKIAM, Username: "AKIAGIVEN", Password: config.SecretOf("s")}, "AKIAGIVEN/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			got := make(chan map[string]string, 8)
			cluster.ControlKey(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				resp := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
				resp.SupportedMechanisms = []string{"AWS_MSK_IAM"}
				if r.(*kmsg.SASLHandshakeRequest).Mechanism != "AWS_MSK_IAM" {
					resp.ErrorCode = 33
				}
				return resp, nil, true
			})
			cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				sent := map[string]string{}
				if err := json.Unmarshal(r.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes, &sent); err != nil {
					t.Error(err)
				}
				select {
				case got <- sent:
				default:
				}
				resp := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
				resp.SASLAuthBytes = []byte(`{}`)
				return resp, nil, true
			})
			const host = "b-1.test.abc.c2.kafka.eu-west-1.amazonaws.com" // the region is taken from the name
			toKfake := func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, cluster.ListenAddrs()[0])
			}
			d := &kafka.Dialer{Config: config.Kafka{Brokers: []string{host + ":9098"}, SASL: c.sasl}, Log: slog.New(slog.DiscardHandler), Dial: toKfake}
			cl, err := d.Client("test")
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			if err := cl.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			sent := <-got
			if !strings.HasPrefix(sent["x-amz-credential"], c.key) || sent["x-amz-signature"] == "" || sent["host"] != host {
				t.Errorf("sent %v; want a signature by %s", sent, c.key)
			}
			if withToken := sent["x-amz-security-token"] != ""; withToken != (c.sasl.Username == "") {
				t.Errorf("a session token was sent: %v", withToken)
			}
		})
	}
}
