package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/go-cleanhttp"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// tries bounds the requests for one answer of the registry; who needs it for longer comes again.
const tries = 4

// Client is a registry. It may be used by several goroutines.
type Client struct {
	sr *sr.Client
}

// NewClient makes a client; nothing is asked yet.
func NewClient(c config.Registry) (*Client, error) {
	transport := cleanhttp.DefaultPooledTransport()
	tc, err := c.TLS().Config()
	if err != nil {
		return nil, fmt.Errorf("SCHEMA_REGISTRY_%w", err)
	}
	if tc != nil {
		transport.TLSClientConfig = tc
	}
	retrying := retryablehttp.NewClient()
	retrying.HTTPClient = &http.Client{Transport: transport, Timeout: 10 * time.Second}
	retrying.Logger = nil // its lines would hold addresses with credentials, and one comes for each try
	retrying.RetryMax = tries - 1
	retrying.RetryWaitMin, retrying.RetryWaitMax = 100*time.Millisecond, time.Second
	retrying.ErrorHandler = retryablehttp.PassthroughErrorHandler // the registry's own words, not "giving up after 4 attempts"
	opts := []sr.ClientOpt{sr.URLs(c.URLs...), sr.HTTPClient(retrying.StandardClient()), sr.UserAgent("smpp-connector")}
	if c.Username != "" {
		opts = append(opts, sr.PreReq(func(r *http.Request) error {
			r.SetBasicAuth(c.Username, c.Password.Get()) // read anew: it may have rotated
			return nil
		}))
	}
	cl, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("schema registry: %w", err)
	}
	return &Client{sr: cl}, nil
}

// Ping asks whether the registry answers, and takes our credentials.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.sr.Subjects(ctx)
	return remedy(err)
}

// remedy adds what to do to what the registry said.
func remedy(err error) error {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%s %s: %d (see SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, and the rights of that user)", answer.Method, answer.URL, answer.StatusCode)
	}
	return err
}

// unknown tells that the registry answers and does not have what was asked for.
func unknown(err error) bool {
	var answer *sr.ResponseError
	return errors.As(err, &answer) && (answer.StatusCode == http.StatusNotFound || sr.IsNotFoundError(answer.ErrorCode))
}
