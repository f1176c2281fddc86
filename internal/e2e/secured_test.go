package e2e

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
	"github.com/smpp-connector/smpp-connector/internal/tlstest"
)

// The names under which the connector comes to the secured broker.
const (
	plainUser, scramUser, oauthUser = "plain-user", "scram-user", "oauth-user"
	certificateUser                 = "CN=certificate-user"
)

// acls are all the rights that the connector needs, as internal/KAFKA.md lists them: the broker of these tests gives it
// no other.
func acls(user string) []kmsg.CreateACLsRequestCreation {
	var all []kmsg.CreateACLsRequestCreation
	allow := func(kind kmsg.ACLResourceType, pattern kmsg.ACLResourcePatternType, name string, operations ...kmsg.ACLOperation) {
		for _, op := range operations {
			c := kmsg.NewCreateACLsRequestCreation()
			c.ResourceType, c.ResourceName, c.ResourcePatternType = kind, name, pattern
			c.Principal, c.Host, c.Operation, c.PermissionType = "User:"+user, "*", op, kmsg.ACLPermissionTypeAllow
			all = append(all, c)
		}
	}
	const topic, literal, prefixed = kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLResourcePatternTypePrefixed
	const read, write, describe, create = kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe, kmsg.ACLOperationCreate
	allow(topic, literal, "sms.outbound", read, create) // READ implies DESCRIBE, as WRITE does
	for _, name := range []string{"sms.results", "sms.receipts", "sms.inbound", "sms.deadletter"} {
		allow(topic, literal, name, write, create)
	}
	allow(topic, prefixed, "smpp.", read, write, create)
	allow(kmsg.ACLResourceTypeGroup, prefixed, "connect-smpp-", read)
	allow(kmsg.ACLResourceTypeTransactionalId, prefixed, "smpp-", write)
	return all
}

// secured is one Apache Kafka node with a listener for each way to authenticate, and an authorizer.
type secured struct {
	*kafkatest.Broker
	ca        *tlstest.Authority
	listeners map[string]kafkatest.Listener
	issuer    *issuer
}

func startSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{ca: tlstest.New(t, "ca"), issuer: newIssuer(t), listeners: map[string]kafkatest.Listener{}}
	cert, key := s.ca.Server()
	chain := filepath.Join(t.TempDir(), "server.pem")
	var pem []byte
	for _, f := range []string{key, cert} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		pem = append(pem, b...)
	}
	if err := os.WriteFile(chain, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	settings := []string{
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS", "allow.everyone.if.no.acl.found=false",
	}
	var all []kafkatest.Listener
	listen := func(name, protocol string, more ...string) {
		l := kafkatest.NewListener(t, name, protocol)
		s.listeners[name], all = l, append(all, l)
		for _, m := range more {
			settings = append(settings, "listener.name."+strings.ToLower(name)+"."+m)
		}
	}
	serverTLS := []string{"ssl.keystore.type=PEM", "ssl.keystore.location=" + chain, "ssl.truststore.type=PEM", "ssl.truststore.location=" + s.ca.File}
	listen("PLAIN", "SASL_PLAINTEXT", "sasl.enabled.mechanisms=PLAIN",
		`plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_`+plainUser+`="plain-secret";`)
	listen("SCRAM", "SASL_SSL", append(serverTLS, "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512",
		`scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`,
		`scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`)...)
	listen("MUTUAL", "SSL", append(serverTLS, "ssl.client.auth=required")...)
	listen("OAUTH", "SASL_PLAINTEXT", "sasl.enabled.mechanisms=OAUTHBEARER",
		`oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;`,
		"oauthbearer.sasl.server.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler",
		"oauthbearer.sasl.oauthbearer.jwks.endpoint.url="+s.issuer.URL+"/jwks", "oauthbearer.sasl.oauthbearer.expected.audience=kafka",
		"oauthbearer.connections.max.reauth.ms=3000")
	t.Setenv("KAFKA_HEAP", "-Xmx1g -Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+s.issuer.URL+"/jwks")
	s.Broker = kafkatest.ApacheWith(t, all, settings...)

	cl := kafkatest.Client(t, s.Broker)
	adm := kadm.NewClient(cl)
	for _, mechanism := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		res, err := adm.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: scramUser, Mechanism: mechanism, Iterations: 4096, Password: "scram-secret"}})
		if err == nil {
			err = res.Error()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, user := range []string{plainUser, scramUser, oauthUser, certificateUser} {
		req := kmsg.NewPtrCreateACLsRequest()
		req.Creations = acls(user)
		resp, err := req.RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range resp.Results {
			if r.ErrorCode != 0 {
				t.Fatalf("creating ACLs: %d %v", r.ErrorCode, r.ErrorMessage)
			}
		}
	}
	return s
}

// issuer is a token endpoint and the keys that the broker checks its tokens with.
type issuer struct {
	*httptest.Server
	key    *rsa.PrivateKey
	issued atomic.Int32
	broken atomic.Int32 // how many requests are answered 503
	secret atomic.Pointer[string]
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	first := "oauth-secret"
	i.secret.Store(&first)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","kid":"one","use":"sig","alg":"RS256","n":%q,"e":"AQAB"}]}`, base64.RawURLEncoding.EncodeToString(key.N.Bytes()))
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		id, secret, ok := r.BasicAuth()
		switch {
		case i.broken.Add(-1) >= 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case !ok || id != "oauth-client" || secret != *i.secret.Load() || r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "kafka":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
		default:
			i.issued.Add(1)
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":34}`, i.token(34*time.Second))
		}
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token(life time.Duration) string {
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	now := time.Now()
	signed := part(map[string]string{"alg": "RS256", "kid": "one"}) + "." +
		part(map[string]any{"sub": oauthUser, "aud": "kafka", "scope": "kafka", "iat": now.Unix(), "exp": now.Add(life).Unix()})
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(nil, i.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// check runs `smpp-connector check` and returns what it prints of Kafka.
func check(t *testing.T, env []string) (line string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "check")
	cmd.Env = env
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(out)) {
		if strings.Contains(l, " kafka: ") {
			line = strings.TrimSpace(l)
		}
	}
	return line, cmd.ProcessState.ExitCode()
}

// TestABrokerThatWantsToKnowWhoComes takes a record through an Apache Kafka node by each way to authenticate, with an
// authorizer that allows the connector just what internal/KAFKA.md lists, and shows what a wrong credential is told.
func TestABrokerThatWantsToKnowWhoComes(t *testing.T) {
	s := startSecured(t)
	peer, err := smsc.New(smsc.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Stop)
	cert, key := s.ca.Client("certificate-user")
	secret := filepath.Join(t.TempDir(), "secret")
	file := func(content string) {
		if err := os.WriteFile(secret, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust := []string{"KAFKA_TLS_ENABLED=true", "KAFKA_TLS_CA_FILE=" + s.ca.File}
	oauth := []string{"KAFKA_SASL_MECHANISM=OAUTHBEARER", "KAFKA_SASL_OAUTH_TOKEN_URL=" + s.issuer.URL + "/token", "KAFKA_SASL_OAUTH_CLIENT_ID=oauth-client", "KAFKA_SASL_OAUTH_SCOPE=kafka"}
	user := func(mechanism, name, password string) []string {
		return []string{"KAFKA_SASL_MECHANISM=" + mechanism, "KAFKA_SASL_USERNAME=" + name, "KAFKA_SASL_PASSWORD=" + password}
	}
	for _, way := range []struct {
		name, listener string
		env            []string
		wrong          []string // the same with a wrong credential
		says           string   // which then must say so
	}{
		{"PLAIN", "PLAIN", user("PLAIN", plainUser, "plain-secret"), user("plain", plainUser, "wrong"), "KAFKA_SASL_PASSWORD"},
		{"SCRAM-SHA-256", "SCRAM", append(user("SCRAM-SHA-256", scramUser, "scram-secret"), trust...), append(user("SCRAM-SHA-256", scramUser, "wrong"), trust...), "KAFKA_SASL_PASSWORD"},
		{"SCRAM-SHA-512", "SCRAM", append(user("SCRAM-SHA-512", scramUser, "scram-secret"), trust...), append(user("SCRAM-SHA-512", "nobody", "scram-secret"), trust...), "KAFKA_SASL_USERNAME"},
		{"another mechanism than the listener's", "SCRAM", nil, append(user("PLAIN", scramUser, "scram-secret"), trust...), "KAFKA_SASL_MECHANISM"},
		{"no TLS where the listener has it", "SCRAM", nil, user("SCRAM-SHA-512", scramUser, "scram-secret"), "TLS"},
		{"mutual TLS", "MUTUAL", append([]string{"KAFKA_TLS_CERT_FILE=" + cert, "KAFKA_TLS_KEY_FILE=" + key}, trust...), trust, "certificate"},
		{"OAUTHBEARER", "OAUTH", append([]string{"KAFKA_SASL_OAUTH_CLIENT_SECRET_FILE=" + secret}, oauth...), append([]string{"KAFKA_SASL_OAUTH_CLIENT_SECRET=wrong"}, oauth...), "KAFKA_SASL_OAUTH_CLIENT_SECRET"},
	} {
		t.Run(way.name, func(t *testing.T) {
			file("oauth-secret")
			at := s.listeners[way.listener].Address
			common := []string{"KAFKA_BROKERS=" + at, "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SMSC_0_NAME=foreign", "SMSC_0_ADDRESS=" + peer.Addr(), "SMSC_0_SOURCE_ADDRESS=32323"}
			line, code := check(t, append(common, way.wrong...))
			if code != 1 || !strings.HasPrefix(line, "FAIL") || !strings.Contains(line, way.says) || strings.Contains(line, "secret\"") {
				t.Errorf("a wrong credential: exit code %d, %q; want 1 and a word of %s", code, line, way.says)
			}
			t.Log(line)
			if way.env == nil {
				return
			}
			if line, code = check(t, append(common, way.env...)); code != 0 {
				t.Fatalf("exit code %d: %s", code, line)
			}
			c := start(t, &kafkatest.Broker{Addrs: []string{at}}, peer.Addr(), way.env...)
			c.ready()
			s.carry(t, way.name+"-first")
			if way.listener == "OAUTH" {
				// The broker wants a new token every three seconds and ours live for four beyond their renewal; the secret rotates meanwhile,
				// and the endpoint is away for two requests.
				rotated := "rotated"
				s.issuer.secret.Store(&rotated)
				file(rotated)
				s.issuer.broken.Store(2)
				before := s.issuer.issued.Load()
				waitFor(t, time.Minute, "second token after the rotation", func() bool { return s.issuer.issued.Load() >= before+2 })
				s.carry(t, way.name+"-second")
			}
			if code := c.terminate(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			log, err := os.ReadFile(c.log)
			if err != nil {
				t.Fatal(err)
			}
			for _, never := range []string{"plain-secret", "scram-secret", "oauth-secret", "rotated"} {
				if strings.Contains(string(log), never) {
					t.Errorf("the log holds %q", never)
				}
			}
			if strings.Contains(string(log), "AUTHORIZATION_FAILED") {
				t.Error("something was not allowed: see the log")
			}
		})
	}
	t.Run("redrive with its own rights", func(t *testing.T) { s.redrives(t, trust) })
	for _, taken := range []struct {
		kind       kmsg.ACLResourceType
		name, says string
		operation  kmsg.ACLOperation
	}{
		{kmsg.ACLResourceTypeTopic, "sms.results", "topic sms.results: this client's principal lacks WRITE", kmsg.ACLOperationWrite},
		{kmsg.ACLResourceTypeTopic, "sms.outbound", "topic sms.outbound: this client's principal lacks READ", kmsg.ACLOperationAll},
		{kmsg.ACLResourceTypeGroup, "connect-smpp-sink", "group connect-smpp-sink: this client's principal lacks READ", kmsg.ACLOperationRead},
		{kmsg.ACLResourceTypeTransactionalId, "smpp-check", "transactional ids smpp-…: this client's principal lacks WRITE", kmsg.ACLOperationWrite},
	} {
		t.Run("without "+taken.name, func(t *testing.T) {
			deny := kmsg.NewCreateACLsRequestCreation()
			deny.ResourceType, deny.ResourceName, deny.ResourcePatternType = taken.kind, taken.name, kmsg.ACLResourcePatternTypeLiteral
			deny.Principal, deny.Host, deny.Operation, deny.PermissionType = "User:"+plainUser, "*", taken.operation, kmsg.ACLPermissionTypeDeny
			s.create(t, deny)
			env := append([]string{"KAFKA_BROKERS=" + s.listeners["PLAIN"].Address, "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SMSC_0_NAME=foreign", "SMSC_0_ADDRESS=" + peer.Addr()},
				user("PLAIN", plainUser, "plain-secret")...)
			waitFor(t, time.Minute, "check that tells of the right that is missing, and of no other", func() bool {
				line, code := check(t, env)
				t.Log(line)
				return code == 1 && strings.Contains(line, taken.says) && strings.Count(line, "lacks") == 1
			})
			req := kmsg.NewPtrDeleteACLsRequest()
			filter := kmsg.NewDeleteACLsRequestFilter()
			filter.ResourceType, filter.ResourceName, filter.ResourcePatternType = deny.ResourceType, &deny.ResourceName, deny.ResourcePatternType
			filter.Principal, filter.Operation, filter.PermissionType = &deny.Principal, deny.Operation, deny.PermissionType
			req.Filters = append(req.Filters, filter)
			if _, err := req.RequestWith(t.Context(), kafkatest.Client(t, s.Broker)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, time.Minute, "check that is content again", func() bool {
				_, code := check(t, env)
				return code == 0
			})
		})
	}
}

func (s *secured) create(t *testing.T, all ...kmsg.CreateACLsRequestCreation) {
	t.Helper()
	req := kmsg.NewPtrCreateACLsRequest()
	req.Creations = all
	resp, err := req.RequestWith(t.Context(), kafkatest.Client(t, s.Broker))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resp.Results {
		if r.ErrorCode != 0 {
			t.Fatalf("creating ACLs: %d %v", r.ErrorCode, r.ErrorMessage)
		}
	}
}

// redrives puts a dead letter back as a principal that has the rights of internal/REDRIVE.md alone, and none of the connector's.
func (s *secured) redrives(t *testing.T, trust []string) {
	t.Helper()
	cert, key := s.ca.Client("redrive-user")
	const redriveUser = "CN=redrive-user"
	s.create(t, redriveACLs(redriveUser)...)
	d := record.DeadLetter{Source: record.Source{Topic: "sms.outbound"}, Connector: "smpp-sink", Status: record.Rejected}
	dead := &kgo.Record{Topic: "sms.deadletter", Value: []byte(`{"id":"redriven","to":"+491701234567","text":"again"}`)}
	for _, h := range d.AppendHeaders(nil) {
		dead.Headers = append(dead.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	if err := kafkatest.Client(t, s.Broker).ProduceSync(t.Context(), dead).FirstErr(); err != nil {
		t.Fatal(err)
	}
	run := func() string {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, "redrive", "--all", "--execute")
		cmd.Env = append([]string{"KAFKA_BROKERS=" + s.listeners["MUTUAL"].Address, "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "KAFKA_TOPICS_REPLICATION=1", "SMSC_0_NAME=foreign",
			"SMSC_0_ADDRESS=127.0.0.1:1", "KAFKA_TLS_CERT_FILE=" + cert, "KAFKA_TLS_KEY_FILE=" + key}, trust...)
		out, _ := cmd.CombinedOutput()
		t.Logf("%s", out)
		return string(out)
	}
	waitFor(t, time.Minute, "dead letter put back, once the rights have reached the broker", func() bool {
		out := run()
		return strings.Contains(out, "put back: 1\n") && !strings.Contains(out, "AUTHORIZATION")
	})
	if out := run(); !strings.Contains(out, "1 put back before") || !strings.Contains(out, "put back: 0\n") {
		t.Errorf("again: %s", out)
	}
}

// redriveACLs are all the rights that smpp-connector redrive needs, as internal/REDRIVE.md lists them.
func redriveACLs(user string) (all []kmsg.CreateACLsRequestCreation) {
	for _, right := range []struct {
		kind       kmsg.ACLResourceType
		name       string
		operations []kmsg.ACLOperation
	}{
		{kmsg.ACLResourceTypeTopic, "sms.deadletter", []kmsg.ACLOperation{kmsg.ACLOperationRead}},
		{kmsg.ACLResourceTypeTopic, "sms.outbound", []kmsg.ACLOperation{kmsg.ACLOperationWrite}},
		{kmsg.ACLResourceTypeTopic, "smpp.redriven", []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationCreate}},
		{kmsg.ACLResourceTypeTransactionalId, "smpp-redrive", []kmsg.ACLOperation{kmsg.ACLOperationWrite}},
	} {
		for _, op := range right.operations {
			c := kmsg.NewCreateACLsRequestCreation()
			c.ResourceType, c.ResourceName, c.ResourcePatternType = right.kind, right.name, kmsg.ACLResourcePatternTypeLiteral
			c.Principal, c.Host, c.Operation, c.PermissionType = "User:"+user, "*", op, kmsg.ACLPermissionTypeAllow
			all = append(all, c)
		}
	}
	return all
}

// carry takes one record through the connector.
func (s *secured) carry(t *testing.T, id string) {
	t.Helper()
	cl := kafkatest.Client(t, s.Broker, kgo.ConsumeTopics("sms.results"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	value := fmt.Appendf(nil, `{"id":%q,"to":"+491701234567","text":"hello"}`, id)
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "sms.outbound", Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("no result of %s", id)
		}
		for _, r := range fs.Records() {
			if res, err := record.DecodeResult(r.Value); err != nil || res.ID == id && res.Status != record.Accepted {
				t.Fatalf("%+v %v", res, err)
			} else if res.ID == id {
				return
			}
		}
	}
}
