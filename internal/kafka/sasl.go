package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/hashicorp/go-cleanhttp"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/twmb/franz-go/pkg/sasl"
	saslaws "github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// authentication is the SASL mechanism of a configuration, nil without one. Credentials are read anew for each
// connection (and each renewal on one, KIP-368), so that a rotated secret needs no restart.
func authentication(c config.SASL) (sasl.Mechanism, error) {
	switch c.Mechanism {
	case "":
		return nil, nil
	case config.SASLPlain:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			return plain.Auth{User: c.Username, Pass: c.Password.Get()}, nil
		}), nil
	case config.SASLScram256:
		return scram.Sha256(scramAuth(c)), nil
	case config.SASLScram512:
		return scram.Sha512(scramAuth(c)), nil
	case config.SASLOAuthBearer:
		t, err := newTokens(c.OAuth)
		if err != nil {
			return nil, err
		}
		return oauth.Oauth(t.auth), nil
	case config.SASLMSKIAM:
		return mskIAM(c), nil
	}
	return nil, fmt.Errorf("KAFKA_SASL_MECHANISM=%s is not known", c.Mechanism)
}

func scramAuth(c config.SASL) func(context.Context) (scram.Auth, error) {
	return func(context.Context) (scram.Auth, error) {
		return scram.Auth{User: c.Username, Pass: c.Password.Get()}, nil
	}
}

// tokens fetches OAUTHBEARER tokens by a client credentials grant (RFC 6749 §4.4, KIP-768) and keeps one until shortly
// before it ends. All clients of a process share it.
type tokens struct {
	cfg        config.OAuth
	http       *http.Client
	extensions map[string]string

	mu   sync.Mutex // held while a token is fetched: the connections of a start ask once, not once each
	held *oauth2.Token
}

// renewBefore is how long before its end a token counts as over: longer than an authentication takes.
const renewBefore = 30 * time.Second

// tokenTries bounds what one authentication asks of the endpoint; franz-go then backs off and comes again.
const tokenTries = 3

func newTokens(c config.OAuth) (*tokens, error) {
	t := &tokens{cfg: c, extensions: make(map[string]string, len(c.Extensions))}
	for _, e := range c.Extensions {
		name, value, _ := strings.Cut(e, "=") // the configuration has checked it
		t.extensions[name] = value
	}
	transport := cleanhttp.DefaultPooledTransport()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		tc, err := config.TLS{Enabled: true, CAFile: c.CAFile}.Config()
		if err != nil {
			return nil, fmt.Errorf("KAFKA_SASL_OAUTH_CA_FILE: %w", err)
		}
		transport.TLSClientConfig = tc
	}
	retrying := retryablehttp.NewClient()
	retrying.HTTPClient = &http.Client{Transport: transport, Timeout: 10 * time.Second, CheckRedirect: sameHost}
	retrying.Logger = nil // its lines would hold the endpoint's answers
	retrying.RetryMax = tokenTries - 1
	retrying.RetryWaitMin, retrying.RetryWaitMax = 200*time.Millisecond, 2*time.Second
	retrying.ErrorHandler = retryablehttp.PassthroughErrorHandler // the last answer tells more than "giving up after 3 attempts"
	t.http = retrying.StandardClient()
	return t, nil
}

// sameHost keeps the client secret where it was meant to go.
func sameHost(r *http.Request, via []*http.Request) error {
	if len(via) >= 3 || r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
		return errors.New("the token endpoint redirects elsewhere")
	}
	return nil
}

func (t *tokens) auth(ctx context.Context) (oauth.Auth, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held == nil || !t.held.Expiry.IsZero() && time.Until(t.held.Expiry) < renewBefore {
		c := clientcredentials.Config{TokenURL: t.cfg.TokenURL, ClientID: t.cfg.ClientID, ClientSecret: t.cfg.ClientSecret.Get(), Scopes: strings.Fields(t.cfg.Scope)}
		if t.cfg.Audience != "" {
			c.EndpointParams = map[string][]string{"audience": {t.cfg.Audience}}
		}
		token, err := c.Token(context.WithValue(ctx, oauth2.HTTPClient, t.http))
		if err != nil {
			return oauth.Auth{}, &TokenError{tokenFault(err)}
		}
		t.held = token
	}
	return oauth.Auth{Token: t.held.AccessToken, Extensions: t.extensions}, nil
}

// TokenError is a token that could not be had.
type TokenError struct{ Why string }

func (e *TokenError) Error() string {
	return "no token from KAFKA_SASL_OAUTH_TOKEN_URL: " + e.Why
}

// tokenFault says what the endpoint said, without its body, which may hold what was sent.
func tokenFault(err error) string {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return err.Error()
	}
	why := refused.Response.Status
	if refused.ErrorCode != "" {
		why += ", " + refused.ErrorCode
	}
	switch refused.ErrorCode {
	case "invalid_client", "unauthorized_client":
		why += " (see KAFKA_SASL_OAUTH_CLIENT_ID and KAFKA_SASL_OAUTH_CLIENT_SECRET)"
	case "invalid_scope":
		why += " (see KAFKA_SASL_OAUTH_SCOPE)"
	}
	return why
}

// mskIAM signs with the credentials of KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, or those that any AWS program finds:
// environment, web identity of a Kubernetes service account, container, instance. The AWS library caches and renews them.
func mskIAM(c config.SASL) sasl.Mechanism {
	found := sync.OnceValues(func() (aws.CredentialsProvider, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		a, err := awsconfig.LoadDefaultConfig(ctx)
		return a.Credentials, err
	})
	return saslaws.ManagedStreamingIAM(func(ctx context.Context) (saslaws.Auth, error) {
		if c.Username != "" {
			return saslaws.Auth{AccessKey: c.Username, SecretKey: c.Password.Get()}, nil
		}
		provider, err := found()
		if err != nil {
			return saslaws.Auth{}, fmt.Errorf("credentials for AWS_MSK_IAM: %w", err)
		}
		cred, err := provider.Retrieve(ctx)
		if err != nil {
			return saslaws.Auth{}, fmt.Errorf("credentials for AWS_MSK_IAM: %w", err)
		}
		return saslaws.Auth{AccessKey: cred.AccessKeyID, SecretKey: cred.SecretAccessKey, SessionToken: cred.SessionToken}, nil
	})
}
