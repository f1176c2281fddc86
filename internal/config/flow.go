package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the image holds no zones of its own
)

// Quiet is the times of day, at the recipient's, at which nothing is submitted.
type Quiet struct {
	Hours          string `env:"HOURS" type:"HH:MM-HH:MM" desc:"time of day at the recipient's, by the number's time zone, during which nothing is submitted, such as 21:00-08:00; not set: none. See internal/FLOW.md"`
	Action         string `env:"ACTION" envDefault:"hold" oneof:"hold expire" desc:"what meets quiet hours waits for their end, and others of its partition may have to wait with it, or has the result expired"`
	ExemptPriority int    `env:"EXEMPT_PRIORITY" envDefault:"3" min:"0" max:"4" desc:"messages of this priority and above are sent at any hour; 4 for none"`
	Zone           string `env:"ZONE" type:"time zone such as Europe/Berlin" desc:"zone of destinations whose number tells none, such as short codes; not set: they have no quiet hours"`

	// What Load makes of them: from and to as time since midnight, and the zone.
	From, To time.Duration  `env:"-"`
	Location *time.Location `env:"-"`
}

// checkQuiet reads SINK_QUIET_HOURS and SINK_QUIET_ZONE.
func (l *loader) checkQuiet(q *Quiet) {
	if q.Hours != "" {
		from, to, ok := strings.Cut(q.Hours, "-")
		begin, err := time.Parse("15:04", strings.TrimSpace(from))
		end, err2 := time.Parse("15:04", strings.TrimSpace(to))
		if !ok || err != nil || err2 != nil || begin.Equal(end) {
			l.fault("SINK_QUIET_HOURS", "must be two different times of day, such as 21:00-08:00")
		} else {
			day := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
			q.From, q.To = begin.Sub(day), end.Sub(day)
		}
	}
	if q.Zone != "" {
		zone, err := time.LoadLocation(q.Zone)
		if err != nil || q.Zone == "Local" {
			l.fault("SINK_QUIET_ZONE", "must be a time zone of the IANA database, such as Europe/Berlin or UTC")
			return
		}
		q.Location = zone
	}
}

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
