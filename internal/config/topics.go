package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// maxTopic is the longest name that Kafka allows a topic (org.apache.kafka.common.internals.Topic).
const maxTopic = 249

// maxName leaves room for what is put around CONNECTOR_NAME to make topics, groups and transactional ids of it.
const maxName = 200

const topicCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

func legalTopic(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= maxTopic && strings.Trim(s, topicCharacters) == ""
}

const topicRemedy = "a topic's name has 1 to 249 of the characters a-z A-Z 0-9 . _ - and is neither . nor .."

// checkTopics checks names, and that no message can go round in a circle: what the connector writes it must not read as input.
func (l *loader) checkTopics(c *Config, written []output) {
	if l.fine("CONNECTOR_NAME") && (len(c.Name) > maxName || strings.Trim(c.Name, topicCharacters) != "") {
		l.fault("CONNECTOR_NAME", fmt.Sprintf("must be at most %d of the characters a-z A-Z 0-9 . _ -, since topics are named after it", maxName))
	}

	if l.set("SINK_TOPICS_REGEX") {
		c.Sink.Topics = nil
		if l.set("SINK_TOPICS") {
			l.fault("SINK_TOPICS_REGEX", "SINK_TOPICS is set too: leave one of them out")
			return
		}
		l.checkTopicsRegex(c, written)
		return
	}
	for i, topic := range c.Sink.Topics {
		switch {
		case !legalTopic(topic):
			l.fault("SINK_TOPICS", quote(topic)+" is no topic: "+topicRemedy)
		case slices.Contains(c.Sink.Topics[:i], topic):
			l.fault("SINK_TOPICS", quote(topic)+" is named twice")
		default:
			for _, w := range written {
				if w.topic == topic {
					l.fault("SINK_TOPICS", quote(topic)+" is "+w.as+", which the connector writes itself: input needs a topic of its own")
				}
			}
		}
	}
	if len(c.Sink.Topics) == 0 {
		l.fault("SINK_TOPICS", "names no topic: give one, or several separated by commas")
	}
}

func (l *loader) checkTopicsRegex(c *Config, written []output) {
	anchored := `^(?:` + c.Sink.TopicsRegex + `)$`
	// Both must compile: "a)(b" is wrong, and anchoring would mend it.
	_, err := regexp.Compile(c.Sink.TopicsRegex)
	pattern, anchoredErr := regexp.Compile(anchored)
	if err = cmp.Or(err, anchoredErr); err != nil {
		why := "it does not compile"
		if e, ok := errors.AsType[*syntax.Error](err); ok {
			why = string(e.Code)
		}
		l.fault("SINK_TOPICS_REGEX", "must be a regular expression of Go (https://go.dev/s/re2syntax): "+why)
		return
	}
	c.Sink.TopicsRegex = anchored
	for _, w := range written {
		if pattern.MatchString(w.topic) {
			l.fault("SINK_TOPICS_REGEX", "matches "+quote(w.topic)+", "+w.as+", which the connector writes itself: input needs topics of its own")
		}
	}
}

// output is a topic that the connector writes.
type output struct{ topic, as string }

func (l *loader) checkOutputs(c *Config) (written []output) {
	for _, kind := range internalKinds {
		written = append(written, output{c.InternalTopic(kind), "an internal topic of " + quote(c.Name)})
	}
	for _, o := range []struct{ variable, topic string }{
		{"RESULTS_TOPIC", c.Topics.Results},
		{"RECEIPTS_TOPIC", c.Topics.Receipts},
		{"INBOUND_TOPIC", c.Topics.Inbound},
		{"DEADLETTER_TOPIC", c.Topics.DeadLetter},
	} {
		if !legalTopic(o.topic) {
			l.fault(o.variable, topicRemedy)
			continue
		}
		for _, w := range written {
			if w.topic == o.topic {
				l.fault(o.variable, "is "+w.as+" too: each needs a topic of its own")
			}
		}
		written = append(written, output{o.topic, o.variable})
	}
	return written
}

// checkAddresses checks a list of host:port.
func (l *loader) checkAddresses(variable string, addresses []string) {
	if len(addresses) == 0 {
		l.fault(variable, "names no address: give host:port, or several separated by commas")
	}
	for _, address := range addresses {
		if why := wrongAddress(address, 1); why != "" {
			l.fault(variable, "every address must be host:port: "+why)
			return
		}
	}
}

// checkHTTP checks the listener, where the host may be left out and port 0 takes any that is free.
func (l *loader) checkHTTP(h *HTTP) {
	if h.Address != "" && l.fine("HTTP_ADDRESS") {
		address := h.Address
		if strings.HasPrefix(address, ":") {
			address = "localhost" + address
		}
		if why := wrongAddress(address, 0); why != "" {
			l.fault("HTTP_ADDRESS", "must be host:port or :port, or empty for none: "+why)
		}
	}
	username, password := l.set("HTTP_USERNAME"), l.set("HTTP_PASSWORD") || !l.fine("HTTP_PASSWORD")
	switch {
	case username && !password:
		l.fault("HTTP_PASSWORD", "missing: HTTP_USERNAME is set, and basic authentication needs both; set it or HTTP_PASSWORD_FILE")
	case password && !username:
		l.fault("HTTP_USERNAME", "missing: HTTP_PASSWORD is set, and basic authentication needs both")
	case strings.Contains(h.Username, ":"):
		l.fault("HTTP_USERNAME", "must be without a colon, which ends the name in basic authentication (RFC 7617 §2)")
	}
}

// wrongAddress says in words what is wrong with host:port, without repeating it: people write credentials before a host.
func wrongAddress(address string, least int) string {
	host, port, err := net.SplitHostPort(address)
	switch {
	case strings.Contains(address, "/"):
		return "there is a slash in one; leave out scheme and path"
	case strings.Contains(address, "@"):
		return "there is an @ in one; leave out user and password"
	case err != nil:
		return "one is not; an IPv6 address goes in brackets"
	case host == "":
		return "one has no host"
	case strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '"' || r == '\\' }):
		return "the host of one holds characters that no host has"
	}
	if n, err := strconv.Atoi(port); err != nil || n < least || n > 65535 || strings.HasPrefix(port, "+") {
		return fmt.Sprintf("the port must be a number from %d to 65535", least)
	}
	return ""
}
