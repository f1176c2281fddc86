package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// Whoever has Strimzi make the topics gets the ones that the connector would make.
func TestStrimzisTopicsAreTheConnectorsOwn(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load([]string{"KAFKA_BROKERS=k:9092", "SMSC_0_NAME=acme", "SMSC_0_ADDRESS=smsc:2775"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../deploy/kubernetes/strimzi/topics.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type topic struct {
		partitions int32
		config     map[string]string
	}
	got := map[string]topic{}
	for d := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var m struct {
			Metadata struct{ Name string }
			Spec     struct {
				Partitions int32
				Config     map[string]any
			}
		}
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		configs := map[string]string{}
		for name, value := range m.Spec.Config {
			if name != "min.insync.replicas" { // the cluster's matter
				configs[name] = fmt.Sprint(value)
			}
		}
		got[m.Metadata.Name] = topic{m.Spec.Partitions, configs}
	}
	own := topicsOf(cfg)
	for _, want := range own {
		if has := got[want.Name]; has.partitions != want.Partitions || !maps.Equal(has.config, want.Configs) {
			t.Errorf("%s: %+v, the connector makes it with %d partitions and %v", want.Name, has, want.Partitions, want.Configs)
		}
	}
	if len(got) != len(own) {
		t.Errorf("%d topics, the connector has %d", len(got), len(own))
	}
}
