package admin

// The JSON of connectors and tasks as Kafka Connect 4.3 writes it.

type taskID struct {
	Connector string `json:"connector"`
	Task      int    `json:"task"`
}

type connectorInfo struct {
	Name   string            `json:"name"`
	Config map[string]string `json:"config"`
	Tasks  []taskID          `json:"tasks"`
	Type   string            `json:"type"`
}

type connectorState struct {
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	Trace    string `json:"trace,omitempty"`
	Version  string `json:"version"`
}

type taskState struct {
	ID       int    `json:"id"`
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	Version  string `json:"version"`
}

type connectorStatus struct {
	Name      string         `json:"name"`
	Connector connectorState `json:"connector"`
	Tasks     []taskState    `json:"tasks"`
	Type      string         `json:"type"`
}

type taskInfo struct {
	ID     taskID            `json:"id"`
	Config map[string]string `json:"config"`
}

func (k *Connector) info() connectorInfo {
	i := connectorInfo{k.Name, k.Config, []taskID{}, k.Type}
	for n := range k.Tasks {
		i.Tasks = append(i.Tasks, taskID{k.Name, n})
	}
	return i
}

func (k *Connector) status() connectorStatus {
	s := connectorStatus{k.Name, connectorState{k.State, k.WorkerID, k.Trace, k.Version}, []taskState{}, k.Type}
	for n := range k.Tasks {
		s.Tasks = append(s.Tasks, k.taskStatus(n))
	}
	return s
}

func (k *Connector) taskStatus(n int) taskState {
	t := &k.Tasks[n]
	return taskState{n, t.State, t.WorkerID, t.Version}
}

func (k *Connector) tasks() []taskInfo {
	list := []taskInfo{}
	for n := range k.Tasks {
		list = append(list, taskInfo{taskID{k.Name, n}, k.Tasks[n].Config})
	}
	return list
}
