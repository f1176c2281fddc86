package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Failover is what makes messages take another SMSC of their route while this one is bound.
type Failover struct {
	Errors  int           `env:"ERRORS" envDefault:"50" min:"0" max:"100" desc:"per cent of the submits of about the last 10s that failed by the SMSC's own trouble, from which on messages take the others of their routes for a while; 0 for never"`
	Latency time.Duration `env:"LATENCY" envDefault:"0s" min:"0s" max:"24h" desc:"smoothed time to answer a submit from which on the same happens; 0s for never"`
	For     time.Duration `env:"FOR" envDefault:"30s" min:"1s" max:"1h" desc:"how long at first before the SMSC is tried again; doubled each time that it has not recovered, to 16 times that"`
}

// topPriority is the highest of the four priorities of a record.
const topPriority = 3

// checkPriorityTopics reads SINK_PRIORITY_TOPICS. A topic that is not read is a mistake in
// one of the two variables.
func (l *loader) checkPriorityTopics(c *Config) {
	const variable = "SINK_PRIORITY_TOPICS"
	pattern, _ := regexp.Compile(c.Sink.TopicsRegex)
	for _, item := range c.Sink.PriorityTopics {
		topic, number, given := strings.Cut(item, "=")
		topic = strings.TrimSpace(topic)
		priority := topPriority
		if given {
			n, err := strconv.Atoi(strings.TrimSpace(number))
			if err != nil || n < 0 || n > topPriority {
				l.fault(variable, fmt.Sprintf("%s: the priority must be 0 to %d, where %d goes first", quote(item), topPriority, topPriority))
				continue
			}
			priority = n
		}
		switch _, twice := c.Sink.TopicPriorities[topic]; {
		case !legalTopic(topic):
			l.fault(variable, quote(topic)+" is no topic: "+topicRemedy)
		case twice:
			l.fault(variable, quote(topic)+" is named twice")
		case c.Sink.TopicsRegex == "" && !slices.Contains(c.Sink.Topics, topic):
			l.fault(variable, quote(topic)+" is not among SINK_TOPICS: name it in both")
		case c.Sink.TopicsRegex != "" && l.fine("SINK_TOPICS_REGEX") && pattern != nil && !pattern.MatchString(topic):
			l.fault(variable, quote(topic)+" is not matched by SINK_TOPICS_REGEX")
		default:
			if c.Sink.TopicPriorities == nil {
				c.Sink.TopicPriorities = make(map[string]int)
			}
			c.Sink.TopicPriorities[topic] = priority
		}
	}
}
