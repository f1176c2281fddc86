package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// States of connectors and tasks, in the words of Kafka Connect.
const (
	Running    = "RUNNING"
	Paused     = "PAUSED"
	Stopped    = "STOPPED"
	Failed     = "FAILED"
	Unassigned = "UNASSIGNED"
	Restarting = "RESTARTING"
)

// Connector is a connector as Kafka Connect 4.3 shows one.
type Connector struct {
	Name, Type, State, WorkerID, Version string
	Trace                                string // why it has failed; empty: it has not
	Config                               map[string]string
	Topics                               []string
	Tasks                                []Task
}

// Task is a task of a connector: a member of its group.
type Task struct {
	State, WorkerID, Version string
	Config                   map[string]string
}

// Offset is the offset of a partition in a connector's group.
type Offset struct {
	Topic     string
	Partition int32
	Offset    int64
}

// ConfigDef describes one setting, in the words of Kafka Connect's plugins.
type ConfigDef struct {
	Name, Type, Documentation, Group string
	Default                          *string
	Required                         bool
}

// Connect is what the REST side of Kafka Connect shows and steers. Errors are for people; one that is an *Error carries its status.
type Connect interface {
	Root() (version, commit, clusterID string) // of the program, and of the Kafka cluster
	Connectors(ctx context.Context) ([]Connector, error)
	Offsets(ctx context.Context, connector string) ([]Offset, error)
	// SetState tells every replica: Running, Paused or Stopped.
	SetState(ctx context.Context, connector, state string) error
	// Restart tells the replica that runs a task, or with -1 every replica.
	Restart(ctx context.Context, connector string, task int) error
	Level() (level string, modified int64) // milliseconds since the epoch; 0: never
	SetLevel(ctx context.Context, level string, everywhere bool) error
	// Plugin is the class of a connector's type, its settings, and what is wrong with values that are given for them.
	Plugin(kind string) (class string, defs []ConfigDef)
	Validate(kind string, given map[string]string) map[string][]string
}

// Error is an answer that is no success.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

// connect serves Connect's REST API (Kafka 4.3), of which the shapes, status codes and sentences were taken down from a worker.
type connect struct{ Connect }

// What could change something goes through gate.
func (c connect) routes(mux *http.ServeMux, gate func(http.Handler) http.Handler) {
	get := func(path string, fn func(r *http.Request) (int, any, error)) { mux.HandleFunc("GET "+path, answer(fn)) }
	steer := func(method, path string, fn func(r *http.Request) (int, any, error)) {
		mux.Handle(method+" "+path, gate(answer(fn)))
	}
	get("/connectors", c.list)
	get("/connectors/{name}", c.one(func(k *Connector) any { return k.info() }))
	get("/connectors/{name}/config", c.one(func(k *Connector) any { return k.Config }))
	get("/connectors/{name}/status", c.status)
	get("/connectors/{name}/tasks", c.one(func(k *Connector) any { return k.tasks() }))
	get("/connectors/{name}/tasks/{task}/status", c.taskStatus)
	get("/connectors/{name}/topics", c.topics)
	get("/connectors/{name}/offsets", c.offsets)
	get("/connector-plugins", c.plugins)
	get("/connector-plugins/{class}/config", c.pluginConfig)
	get("/admin/loggers", c.loggers)
	get("/admin/loggers/{logger}", c.logger)
	mux.HandleFunc("GET /openapi.json", openAPI)

	steer("PUT", "/connector-plugins/{class}/config/validate", c.validate)
	steer("PUT", "/admin/loggers/{logger}", c.setLogger)
	steer("PUT", "/connectors/{name}/pause", c.setState(Paused, http.StatusAccepted))
	steer("PUT", "/connectors/{name}/resume", c.setState(Running, http.StatusAccepted))
	steer("PUT", "/connectors/{name}/stop", c.setState(Stopped, http.StatusNoContent))
	steer("POST", "/connectors/{name}/restart", c.restart)
	steer("POST", "/connectors/{name}/tasks/{task}/restart", c.restartTask)
	steer("PUT", "/connectors/{name}/topics/reset", c.nothing(http.StatusAccepted))

	// What would change the configuration is refused with the reason, in the shape of Connect's errors.
	for _, refused := range []string{"POST /connectors", "PUT /connectors/{name}/config", "PATCH /connectors/{name}/config", "DELETE /connectors/{name}"} {
		mux.Handle(refused, gate(answer(func(*http.Request) (int, any, error) {
			return 0, nil, &Error{http.StatusForbidden, "The configuration comes from environment variables and is not changed over REST: change them and restart the container. See smpp-connector config."}
		})))
	}
	for _, refused := range []string{"PATCH /connectors/{name}/offsets", "DELETE /connectors/{name}/offsets"} {
		mux.Handle(refused, gate(answer(func(*http.Request) (int, any, error) {
			return 0, nil, &Error{http.StatusForbidden, "The committed offsets are the journal of what was sent, and are not changed over REST. " +
				"To send records anew, stop all replicas and reset the group with kafka-consumer-groups.sh."}
		})))
	}
}

// answer writes what a handler returns: nothing, a value, or an error in Connect's shape.
func answer(fn func(r *http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, v, err := fn(r)
		var e *Error
		switch {
		case errors.As(err, &e):
			writeError(w, e.Status, e.Message)
		case err != nil:
			writeError(w, http.StatusInternalServerError, err.Error())
		case v == nil:
			w.WriteHeader(status)
		default:
			writeJSON(w, status, v)
		}
	}
}

// restVersion is the version of Kafka whose REST API this is. Tools take the worker's version for that: kcctl reads numbers, and knows by them
// what it may ask. The program's own version is its plugins'.
const restVersion = "4.3.0"

func (c connect) root(w http.ResponseWriter) {
	_, commit, cluster := c.Root()
	writeJSON(w, http.StatusOK, struct {
		Version string `json:"version"`
		Commit  string `json:"commit"`
		Cluster string `json:"kafka_cluster_id"`
	}{restVersion, commit, cluster})
}

func (c connect) list(r *http.Request) (int, any, error) {
	all, err := c.Connectors(r.Context())
	if err != nil {
		return 0, nil, err
	}
	expand, ok := r.URL.Query()["expand"]
	if !ok {
		names := []string{}
		for _, k := range all {
			names = append(names, k.Name)
		}
		return http.StatusOK, names, nil
	}
	expanded := map[string]map[string]any{}
	for i := range all {
		m := map[string]any{}
		for _, what := range expand {
			switch what {
			case "status":
				m[what] = all[i].status()
			case "info":
				m[what] = all[i].info()
			}
		}
		expanded[all[i].Name] = m
	}
	return http.StatusOK, expanded, nil
}

// find is the connector that a path names.
func (c connect) find(r *http.Request, otherwise string) (*Connector, error) {
	name := r.PathValue("name")
	all, err := c.Connectors(r.Context())
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, &Error{http.StatusNotFound, fmt.Sprintf(otherwise, name)}
}

const (
	notFound  = "Connector %s not found"
	noStatus  = "No status found for connector %s"
	unknown   = "Unknown connector %s"
	unknownTo = "Unknown connector: %s"
)

func (c connect) one(show func(*Connector) any) func(*http.Request) (int, any, error) {
	return func(r *http.Request) (int, any, error) {
		k, err := c.find(r, notFound)
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, show(k), nil
	}
}

// nothing is done, for a connector that is there.
func (c connect) nothing(status int) func(*http.Request) (int, any, error) {
	return func(r *http.Request) (int, any, error) {
		_, err := c.find(r, notFound)
		return status, nil, err
	}
}

func (c connect) status(r *http.Request) (int, any, error) {
	k, err := c.find(r, noStatus)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, k.status(), nil
}

func (c connect) taskStatus(r *http.Request) (int, any, error) {
	k, err := c.find(r, noStatus)
	if err != nil {
		return 0, nil, err
	}
	n, err := strconv.Atoi(r.PathValue("task"))
	if err != nil || n < 0 || n >= len(k.Tasks) {
		return 0, nil, &Error{http.StatusNotFound, fmt.Sprintf("No status found for task %s-%s", k.Name, r.PathValue("task"))}
	}
	return http.StatusOK, k.taskStatus(n), nil
}

func (c connect) topics(r *http.Request) (int, any, error) {
	topics := []string{}
	if k, err := c.find(r, notFound); err == nil {
		topics = append(topics, k.Topics...)
	}
	return http.StatusOK, map[string]any{r.PathValue("name"): map[string]any{"topics": topics}}, nil
}

func (c connect) offsets(r *http.Request) (int, any, error) {
	k, err := c.find(r, notFound)
	if err != nil {
		return 0, nil, err
	}
	offsets, err := c.Offsets(r.Context(), k.Name)
	if err != nil {
		return 0, nil, err
	}
	type entry struct {
		Partition struct {
			Partition int32  `json:"kafka_partition"`
			Topic     string `json:"kafka_topic"`
		} `json:"partition"`
		Offset struct {
			Offset int64 `json:"kafka_offset"`
		} `json:"offset"`
	}
	list := []entry{}
	for _, o := range offsets {
		var e entry
		e.Partition.Topic, e.Partition.Partition, e.Offset.Offset = o.Topic, o.Partition, o.Offset
		list = append(list, e)
	}
	return http.StatusOK, map[string]any{"offsets": list}, nil
}

func (c connect) setState(state string, status int) func(*http.Request) (int, any, error) {
	return func(r *http.Request) (int, any, error) {
		k, err := c.find(r, unknown)
		if err != nil {
			return 0, nil, err
		}
		return status, nil, c.SetState(r.Context(), k.Name, state)
	}
}

func (c connect) restart(r *http.Request) (int, any, error) {
	k, err := c.find(r, unknownTo)
	if err != nil {
		return 0, nil, err
	}
	q := r.URL.Query()
	includeTasks, onlyFailed := q.Get("includeTasks") == "true", q.Get("onlyFailed") == "true"
	failed := k.State == Failed
	if !includeTasks && !onlyFailed {
		// Of a connector of ours nothing runs but its tasks, so that its restart alone is done as soon as it is asked for.
		return http.StatusNoContent, nil, nil
	}
	if includeTasks && (!onlyFailed || failed) {
		if err := c.Restart(r.Context(), k.Name, -1); err != nil {
			return 0, nil, err
		}
		k.State = Restarting
		for i := range k.Tasks {
			k.Tasks[i].State = Restarting
		}
	}
	return http.StatusAccepted, k.status(), nil
}

func (c connect) restartTask(r *http.Request) (int, any, error) {
	k, err := c.find(r, unknownTo)
	if err != nil {
		return 0, nil, err
	}
	n, err := strconv.Atoi(r.PathValue("task"))
	if err != nil || n < 0 || n >= len(k.Tasks) {
		return 0, nil, &Error{http.StatusNotFound, fmt.Sprintf("Unknown task: %s-%s", k.Name, r.PathValue("task"))}
	}
	return http.StatusNoContent, nil, c.Restart(r.Context(), k.Name, n)
}

func (c connect) loggers(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]any{"root": c.level()}, nil
}

func (c connect) level() any {
	level, modified := c.Level()
	v := struct {
		Level    string `json:"level"`
		Modified *int64 `json:"last_modified"`
	}{level, nil}
	if modified > 0 {
		v.Modified = &modified
	}
	return v
}

func (c connect) logger(r *http.Request) (int, any, error) {
	if name := r.PathValue("logger"); name != "root" {
		return 0, nil, &Error{http.StatusNotFound, fmt.Sprintf("Logger %s not found.", name)}
	}
	return http.StatusOK, c.level(), nil
}

func (c connect) setLogger(r *http.Request) (int, any, error) {
	if name := r.PathValue("logger"); name != "root" {
		return 0, nil, &Error{http.StatusNotFound, fmt.Sprintf("Logger %s not found.", name)}
	}
	var body struct {
		Level *string `json:"level"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return 0, nil, &Error{http.StatusBadRequest, `The body must be JSON such as {"level": "DEBUG"}.`}
	}
	if body.Level == nil {
		return 0, nil, &Error{http.StatusBadRequest, "Desired 'level' parameter was not specified in request."}
	}
	everywhere := r.URL.Query().Get("scope") == "cluster"
	if err := c.SetLevel(r.Context(), *body.Level, everywhere); err != nil {
		return 0, nil, err
	}
	if everywhere {
		return http.StatusNoContent, nil, nil
	}
	return http.StatusOK, []string{"root"}, nil
}
