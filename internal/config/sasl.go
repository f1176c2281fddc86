package config

import (
	"net/url"
	"slices"
	"strings"
)

// SASL mechanisms of KAFKA_SASL_MECHANISM.
const (
	SASLPlain       = "PLAIN"
	SASLScram256    = "SCRAM-SHA-256"
	SASLScram512    = "SCRAM-SHA-512"
	SASLOAuthBearer = "OAUTHBEARER"
	SASLMSKIAM      = "AWS_MSK_IAM"
)

// SASL is how the connector says to brokers who it is.
type SASL struct {
	Mechanism string `env:"MECHANISM" oneof:"PLAIN SCRAM-SHA-256 SCRAM-SHA-512 OAUTHBEARER AWS_MSK_IAM" desc:"how the connector authenticates to the brokers; none when not set"`
	Username  string `env:"USERNAME" desc:"user of PLAIN and SCRAM; of AWS_MSK_IAM the access key id, where it is not found as by any AWS program"`
	Password  Secret `env:"PASSWORD" secret:"true" desc:"password that goes with KAFKA_SASL_USERNAME, of AWS_MSK_IAM the secret access key; a file is read again at each authentication"`
	OAuth     OAuth  `envPrefix:"OAUTH_"`
}

// OAuth is where OAUTHBEARER gets its tokens: a client credentials grant (RFC 6749 §4.4).
type OAuth struct {
	TokenURL     string   `env:"TOKEN_URL" type:"url" desc:"token endpoint of the client credentials grant"`
	ClientID     string   `env:"CLIENT_ID" desc:"client id at the token endpoint"`
	ClientSecret Secret   `env:"CLIENT_SECRET" secret:"true" desc:"client secret at the token endpoint; a file is read again for each token"`
	Scope        string   `env:"SCOPE" desc:"scope asked for; several separated by spaces"`
	Audience     string   `env:"AUDIENCE" desc:"audience asked for, where the token endpoint wants one"`
	CAFile       string   `env:"CA_FILE" type:"path" desc:"authorities trusted for the token endpoint, PEM; the system's when not set"`
	Extensions   []string `env:"EXTENSIONS" type:"list of name=value" desc:"SASL extensions sent along (KIP-342), such as logicalCluster=lkc-1,identityPoolId=pool-1"`
}

// checkSASL refuses what would be accepted and have no effect: who sets a password believes in it.
func (l *loader) checkSASL(k *Kafka) {
	const p = "KAFKA_SASL_"
	if !l.fine(p + "MECHANISM") {
		return
	}
	s := &k.SASL
	secret := func(name string) bool { return l.set(name) || !l.fine(name) } // a file that could not be read has its fault already
	users := map[string]bool{p + "USERNAME": l.set(p + "USERNAME"), p + "PASSWORD": secret(p + "PASSWORD")}
	oauth := map[string]bool{p + "OAUTH_TOKEN_URL": l.set(p + "OAUTH_TOKEN_URL"), p + "OAUTH_CLIENT_ID": l.set(p + "OAUTH_CLIENT_ID"), p + "OAUTH_CLIENT_SECRET": secret(p + "OAUTH_CLIENT_SECRET")}
	extras := []string{p + "OAUTH_SCOPE", p + "OAUTH_AUDIENCE", p + "OAUTH_CA_FILE", p + "OAUTH_EXTENSIONS"}

	useless := func(why string, names ...string) {
		for _, name := range names {
			if l.set(name) {
				l.fault(name, "has no effect "+why)
			}
		}
	}
	need := func(given map[string]bool) {
		for name, ok := range given {
			if !ok {
				l.fault(name, "missing: KAFKA_SASL_MECHANISM="+s.Mechanism+" needs it")
			}
		}
	}
	userNames, oauthNames := []string{p + "USERNAME", p + "PASSWORD"}, append([]string{p + "OAUTH_TOKEN_URL", p + "OAUTH_CLIENT_ID", p + "OAUTH_CLIENT_SECRET"}, extras...)
	if s.Mechanism != "" && slices.Contains(k.Brokers, Embedded) {
		l.fault(p+"MECHANISM", "the embedded broker has no authentication: leave it out")
		return
	}
	switch s.Mechanism {
	case "":
		useless("without authentication: set KAFKA_SASL_MECHANISM, or leave it out", append(userNames, oauthNames...)...)
	case SASLOAuthBearer:
		useless("with OAUTHBEARER, which takes KAFKA_SASL_OAUTH_CLIENT_ID and KAFKA_SASL_OAUTH_CLIENT_SECRET: leave it out", userNames...)
		need(oauth)
		l.checkOAuth(&s.OAuth)
	case SASLMSKIAM:
		useless("with AWS_MSK_IAM: leave it out", oauthNames...)
		if users[p+"USERNAME"] != users[p+"PASSWORD"] {
			need(users)
		}
		if !k.TLS.Enabled && l.fine("KAFKA_TLS_ENABLED") {
			l.fault("KAFKA_TLS_ENABLED", "must be true with KAFKA_SASL_MECHANISM=AWS_MSK_IAM, which brokers offer with TLS only")
		}
	default:
		useless("with "+s.Mechanism+", which takes KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD: leave it out", oauthNames...)
		need(users)
	}
}

func (l *loader) checkOAuth(o *OAuth) {
	if u, err := url.Parse(o.TokenURL); o.TokenURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil) {
		l.fault("KAFKA_SASL_OAUTH_TOKEN_URL", "must be an http or https URL without user and password")
	}
	if o.CAFile != "" {
		if _, err := (TLS{Enabled: true, CAFile: o.CAFile}).Config(); err != nil {
			l.fault("KAFKA_SASL_OAUTH_CA_FILE", err.(*TLSError).Err.Error())
		}
	}
	// RFC 7628 §3.1: a key is letters alone, "auth" is the token's own; KIP-342.
	for _, e := range o.Extensions {
		name, value, ok := strings.Cut(e, "=")
		if !ok || name == "" || value == "" || strings.EqualFold(name, "auth") || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || !printable(value) {
			l.fault("KAFKA_SASL_OAUTH_EXTENSIONS", "must be name=value, separated by commas; names are letters, and none is auth")
			return
		}
	}
}
