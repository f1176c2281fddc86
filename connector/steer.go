package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/smpp-connector/smpp-connector/internal/admin"
	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// steering is the connector as Kafka Connect's REST API shows and steers it: two connectors, <name>-sink and <name>-source, whose tasks are the
// members of their groups. It is an admin.Connect.
type steering struct {
	app      *app
	modified atomic.Int64 // when the log level was changed, milliseconds; 0: never

	mu      sync.Mutex // guards what follows
	cluster string
	members map[string]seen
}

// seen is what was last heard of a group; tools ask often, and each of several replicas may be asked.
type seen struct {
	at      time.Time
	members []kafka.Member
}

const seenFor = time.Second

// onceSuffix ends the keys of commands that count once.
const onceSuffix = ":once"

// loggerKey is the control topic's key of the log's level.
const loggerKey = "logger"

var errNoControl = &admin.Error{Status: http.StatusServiceUnavailable, Message: "Nothing can be steered: the topic that replicas are told by is not there, or the connector is still starting."}

// startControl follows the control topic, so that parts start as an operator has left them. Without permission to create topics it may be missing.
func (a *app) startControl(ctx context.Context) error {
	topic := a.cfg.InternalTopic(config.TopicControl)
	if !a.cfg.Kafka.TopicsCreate {
		ids, err := kafka.TopicIDs(ctx, a.control, topic)
		if _, there := ids[topic]; err != nil || !there {
			a.log.Info("no control topic: pausing, stopping and restarting over REST is off", "topic", topic)
			return nil
		}
	}
	c := kafka.NewControl(a.dialer, topic, a.log, a.told)
	if err := c.Start(ctx); err != nil {
		return err
	}
	a.controlTopic.Store(c)
	return nil
}

// told is called with every command, first those of before our start: of them the states alone count.
func (a *app) told(key string, c kafka.Command, live bool) {
	key, _, _ = strings.Cut(key, onceSuffix)
	if key == loggerKey {
		if level, ok := levelOf(c.Level); ok && live {
			a.steering.setLevel(level)
		}
		return
	}
	p := a.parts[key]
	if p == nil || c.Restart == "" && c.State != admin.Running && c.State != admin.Paused && c.State != admin.Stopped {
		return // of another release
	}
	switch {
	case live:
		select {
		case p.orders <- c: // run takes it; a drain may hold it up for SHUTDOWN_TIMEOUT
		case <-a.steered.Done():
		}
	case c.State != "":
		p.setTarget(c.State)
	}
}

// Root is the worker.
func (s *steering) Root() (version_, commit, clusterID string) {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				commit = setting.Value[:min(len(setting.Value), 16)]
			}
		}
	}
	return version(), commit, s.clusterID()
}

func (s *steering) clusterID() string {
	s.mu.Lock()
	known := s.cluster
	s.mu.Unlock()
	if known != "" || s.app.phase.Load() == starting {
		return known
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	meta, err := kadm.NewClient(s.app.control).BrokerMetadata(ctx)
	if err != nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cluster = meta.Cluster
	return s.cluster
}

// side is what the two connectors differ in.
type side struct{ name, class, group string }

func (s *steering) sides() (all []side) {
	cfg := s.app.cfg
	if cfg.Sink.Enabled {
		all = append(all, side{"sink", "smppconnector.SmppSinkConnector", cfg.SinkGroup()})
	}
	if cfg.Source.Enabled {
		all = append(all, side{"source", "smppconnector.SmppSourceConnector", cfg.SourceGroup()})
	}
	return all
}

// Connectors are both, with the members of their groups as any replica sees them.
func (s *steering) Connectors(ctx context.Context) ([]admin.Connector, error) {
	var all []admin.Connector
	for _, side := range s.sides() {
		state := s.app.parts[side.name].target()
		k := admin.Connector{Name: s.app.cfg.Name + "-" + side.name, Type: side.name, State: state, WorkerID: s.workerID(""), Version: version(), Config: s.config(side), Topics: s.topics(side)}
		if w := s.app.parts[side.name].worker(); w != nil && w.Err() != nil {
			k.State, k.Trace = admin.Failed, w.Err().Error()
		}
		for _, m := range s.membersOf(ctx, side.group) {
			if state == admin.Stopped {
				break // they are leaving
			}
			k.Tasks = append(k.Tasks, admin.Task{State: k.State, WorkerID: s.workerID(m.Host), Version: version(), Config: taskConfig(k.Config, m)})
		}
		all = append(all, k)
	}
	return all, nil
}

// membersOf asks Kafka, once a second at most. While Kafka does not answer there is nobody to be seen.
func (s *steering) membersOf(ctx context.Context, group string) []kafka.Member {
	if s.app.phase.Load() == starting {
		return nil
	}
	s.mu.Lock()
	last := s.members[group]
	s.mu.Unlock()
	if time.Since(last.at) < seenFor {
		return last.members
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	members, err := kafka.Members(ctx, s.app.control, group, s.app.cfg.Kafka.GroupProtocol == config.GroupConsumer)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members[group] = seen{time.Now(), members}
	return members
}

// lastSeen are a group's members as membersOf last heard of them.
func (s *steering) lastSeen(group string) []kafka.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.members[group].members
}

// workerID is host:port of a replica's HTTP side, of which all have the same port; host as the broker sees it, "" for our own.
func (s *steering) workerID(host string) string {
	host = strings.TrimPrefix(host, "/")
	if h, _, err := net.SplitHostPort(host); err == nil { // kfake tells the port of the member's connection too
		host = h
	}
	if host == "" {
		host, _ = os.Hostname()
	}
	_, port, err := net.SplitHostPort(s.app.admin.Addr())
	if err != nil {
		return host
	}
	return net.JoinHostPort(host, port)
}

// config is the configuration in Connect's dotted names, with those that its tools look for.
func (s *steering) config(side side) map[string]string {
	cfg := s.app.cfg
	c := map[string]string{"name": cfg.Name + "-" + side.name, "connector.class": side.class, "tasks.max": strconv.Itoa(int(cfg.Kafka.TopicsPartitions))}
	if side.name == "sink" {
		if cfg.Sink.TopicsRegex != "" {
			c["topics.regex"] = cfg.Sink.TopicsRegex
		} else {
			c["topics"] = strings.Join(cfg.Sink.Topics, ",")
		}
	}
	for _, v := range cfg.Shown {
		if concerns(side.name, v.Name) && (v.Set || v.Value != "") {
			c[config.Dotted(v.Name)] = v.Value
			if strings.HasSuffix(v.Name, "_SOURCE_ADDRESS") && len(v.Value) > 6 { // a short code is everybody's to know, a number is not
				c[config.Dotted(v.Name)] = strings.ToValidUTF8(v.Value[:3], "") + strings.Repeat("*", len(v.Value)-3)
			}
		}
	}
	return c
}

// concerns tells whether a setting is one of a side.
func concerns(side, variable string) bool {
	if side == "sink" {
		return !strings.HasPrefix(variable, "SOURCE_")
	}
	return !strings.HasPrefix(variable, "SINK_") && !strings.HasPrefix(variable, "DELIVERY_")
}

func taskConfig(c map[string]string, m kafka.Member) map[string]string {
	c = maps.Clone(c)
	var assigned []string
	for _, topic := range slices.Sorted(maps.Keys(m.Assigned)) {
		for _, p := range m.Assigned[topic] {
			assigned = append(assigned, fmt.Sprintf("%s-%d", topic, p))
		}
	}
	c["task.assignment"], c["task.member"] = strings.Join(assigned, ","), m.ID
	return c
}

func (s *steering) topics(side side) []string {
	cfg := s.app.cfg
	if side.name == "sink" {
		return append(slices.Clone(cfg.Sink.Topics), cfg.Topics.Results, cfg.Topics.DeadLetter)
	}
	return []string{cfg.Topics.Receipts, cfg.Topics.Inbound}
}

func (s *steering) sideOf(connector string) (side, error) {
	for _, side := range s.sides() {
		if s.app.cfg.Name+"-"+side.name == connector {
			return side, nil
		}
	}
	return side{}, &admin.Error{Status: http.StatusNotFound, Message: "Connector " + connector + " not found"}
}

// Offsets are those committed by the connector's group.
func (s *steering) Offsets(ctx context.Context, connector string) ([]admin.Offset, error) {
	side, err := s.sideOf(connector)
	if err != nil {
		return nil, err
	}
	if s.app.phase.Load() == starting {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	committed, err := kadm.NewClient(s.app.control).FetchOffsets(ctx, side.group)
	if err != nil {
		return nil, err
	}
	var all []admin.Offset
	for _, o := range committed.Sorted() {
		if o.Err == nil {
			all = append(all, admin.Offset{Topic: o.Topic, Partition: o.Partition, Offset: o.At})
		}
	}
	return all, nil
}

// SetState tells every replica, and those that start later.
func (s *steering) SetState(ctx context.Context, connector, state string) error {
	side, err := s.sideOf(connector)
	if err != nil {
		return err
	}
	return s.send(ctx, side.name, kafka.Command{State: state})
}

// Restart tells the replica of a task, or all.
func (s *steering) Restart(ctx context.Context, connector string, task int) error {
	side, err := s.sideOf(connector)
	if err != nil {
		return err
	}
	member := everyMember
	if task >= 0 {
		members := s.membersOf(ctx, side.group)
		if task >= len(members) {
			return &admin.Error{Status: http.StatusNotFound, Message: fmt.Sprintf("Unknown task: %s-%d", connector, task)}
		}
		member = members[task].ID
	}
	return s.send(ctx, side.name, kafka.Command{Restart: member})
}

func (s *steering) send(ctx context.Context, key string, c kafka.Command) error {
	control := s.app.controlTopic.Load()
	if control == nil {
		return errNoControl
	}
	if c.State == "" {
		key += onceSuffix // under the state's key compaction would put it in the state's place
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 25*time.Second)
	defer cancel()
	if err := control.Send(ctx, key, c); err != nil {
		return &admin.Error{Status: http.StatusInternalServerError, Message: err.Error()}
	}
	return nil
}

// Level is the log's level in Connect's words.
func (s *steering) Level() (string, int64) {
	return s.app.cfg.Log.Now.Level().String(), s.modified.Load()
}

// SetLevel changes it here, or at every replica.
func (s *steering) SetLevel(ctx context.Context, level string, everywhere bool) error {
	l, ok := levelOf(level)
	if !ok {
		return &admin.Error{Status: http.StatusNotFound, Message: "invalid log level '" + level + "'."}
	}
	if everywhere {
		return s.send(ctx, loggerKey, kafka.Command{Level: level})
	}
	s.setLevel(l)
	return nil
}

func (s *steering) setLevel(l slog.Level) {
	s.app.cfg.Log.Now.Set(l)
	s.modified.Store(time.Now().UnixMilli())
}

// levelOf knows the words of Log4j, whose finest and gravest we do not tell apart.
func levelOf(s string) (slog.Level, bool) {
	switch strings.ToUpper(s) {
	case "TRACE", "DEBUG":
		return slog.LevelDebug, true
	case "INFO":
		return slog.LevelInfo, true
	case "WARN":
		return slog.LevelWarn, true
	case "ERROR", "FATAL":
		return slog.LevelError, true
	}
	return 0, false
}

// Plugin describes a side's settings.
func (s *steering) Plugin(kind string) (class string, defs []admin.ConfigDef) {
	class = map[string]string{"sink": "smppconnector.SmppSinkConnector", "source": "smppconnector.SmppSourceConnector"}[kind]
	for _, v := range config.Variables(nil) {
		if !concerns(kind, v.Name) {
			continue
		}
		d := admin.ConfigDef{Name: config.Dotted(v.Name), Type: connectType(v.Type), Documentation: v.Meaning, Group: group(v.Name), Required: v.Default == "required"}
		if !d.Required && v.Default != "" {
			d.Default = &v.Default
		}
		defs = append(defs, d)
	}
	return class, defs
}

func connectType(kind string) string {
	switch {
	case kind == "secret":
		return "PASSWORD"
	case kind == "true|false":
		return "BOOLEAN"
	case strings.HasPrefix(kind, "whole number"):
		return "LONG"
	case strings.HasPrefix(kind, "number"):
		return "DOUBLE"
	case strings.HasPrefix(kind, "list"):
		return "LIST"
	}
	return "STRING"
}

// group is the first word of a variable, or two for an SMSC's.
func group(variable string) string {
	first, rest, _ := strings.Cut(variable, "_")
	if first == "SMSC" {
		n, _, _ := strings.Cut(rest, "_")
		return "SMSC " + n
	}
	return first[:1] + strings.ToLower(first[1:])
}

// Validate says of a configuration what run would say.
func (s *steering) Validate(_ string, given map[string]string) map[string][]string {
	var environ []string
	for name, value := range given {
		switch name {
		case "name", "connector.class", "tasks.max", "topics", "topics.regex", "task.assignment", "task.member":
			continue
		}
		variable := config.Undotted(name)
		if strings.HasSuffix(variable, "_FILE") || strings.HasSuffix(variable, "_DIR") {
			continue // nobody looks at this machine's files over REST, however the name is written
		}
		environ = append(environ, variable+"="+value)
	}
	_, err := config.Load(environ)
	var faults *config.Faults
	wrong := map[string][]string{}
	if errors.As(err, &faults) {
		for _, f := range faults.List {
			wrong[config.Dotted(f.Variable)] = append(wrong[config.Dotted(f.Variable)], f.Remedy)
		}
	}
	return wrong
}
