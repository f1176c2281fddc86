package config

import (
	"regexp"
	"slices"
)

// OptOuts is the list of those who must not be written to.
type OptOuts struct {
	Topic        string   `env:"TOPIC" desc:"compacted topic of numbers that nothing is sent to: the key is a number, or number/sender for one sender alone; a record without a value takes it out again; not set: none. See internal/FLOW.md"`
	ExemptTopics []string `env:"EXEMPT_TOPICS" desc:"input topics that are sent from all the same, such as one-time passwords that somebody asks for"`
}

// checkOptOuts checks that the list is a topic of its own, and that what is exempt is read at all.
func (l *loader) checkOptOuts(c *Config, written []output) {
	const variable, exempt = "SINK_OPTOUTS_TOPIC", "SINK_OPTOUTS_EXEMPT_TOPICS"
	topic := c.Sink.OptOuts.Topic
	switch {
	case topic == "":
		if len(c.Sink.OptOuts.ExemptTopics) > 0 {
			l.fault(exempt, "says what a list does not hold for, and there is none: set SINK_OPTOUTS_TOPIC, or leave it out")
		}
		return
	case !legalTopic(topic):
		l.fault(variable, topicRemedy)
		return
	case l.isInput(c, topic):
		l.fault(variable, "is an input topic too (SINK_TOPICS, SINK_TOPICS_REGEX), whose records would be sent as messages: the list needs a topic of its own")
	}
	for _, w := range written {
		if w.topic == topic {
			l.fault(variable, "is "+w.as+", which the connector writes itself: the list needs a topic of its own")
		}
	}
	for _, t := range c.Sink.OptOuts.ExemptTopics {
		if !l.isInput(c, t) {
			l.fault(exempt, quote(t)+" is no input topic: name one of SINK_TOPICS, or one that SINK_TOPICS_REGEX matches")
		}
	}
}

// isInput tells whether a topic is read by the sink.
func (l *loader) isInput(c *Config, topic string) bool {
	if c.Sink.TopicsRegex == "" {
		return slices.Contains(c.Sink.Topics, topic)
	}
	pattern, err := regexp.Compile(c.Sink.TopicsRegex)
	return err == nil && l.fine("SINK_TOPICS_REGEX") && pattern.MatchString(topic)
}
