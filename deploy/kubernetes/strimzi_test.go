package kubernetes

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type acl struct {
	Operations []string
	Resource   struct {
		Type, Name  string
		PatternType string `yaml:"patternType"`
	}
}

// The rights of the KafkaUser are those of internal/KAFKA.md, which the suite on Apache Kafka runs with; only CREATE is left out, as
// the topics are Strimzi's.
func TestTheKafkaUserHasTheRightsThatTheConnectorNeedsAndNoOthers(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../internal/KAFKA.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, line := range regexp.MustCompile(`(?m)^ +kafka-acls.sh .*$`).FindAllString(string(doc), -1) {
		words := strings.Fields(line)
		pattern, kinds, names, operations := "literal", []string{}, []string{}, []string{}
		for i := 0; i+1 < len(words); i++ {
			switch words[i] {
			case "--operation":
				operations = append(operations, words[i+1])
			case "--resource-pattern-type":
				pattern = strings.TrimSuffix(words[i+1], "ed")
			case "--topic", "--group", "--transactional-id":
				kinds, names = append(kinds, map[string]string{"--topic": "topic", "--group": "group", "--transactional-id": "transactionalId"}[words[i]]), append(names, words[i+1])
			}
		}
		for i := range names {
			for _, o := range operations {
				if o != "Create" {
					want = append(want, strings.Join([]string{kinds[i], names[i], pattern, o}, " "))
				}
			}
		}
	}
	var got []string
	for _, m := range read(t, "strimzi/user.yaml") {
		for _, a := range m.Spec.Authorization.ACLs {
			pattern := a.Resource.PatternType
			if pattern == "" {
				pattern = "literal" // Strimzi's default
			}
			for _, o := range a.Operations {
				got = append(got, strings.Join([]string{a.Resource.Type, a.Resource.Name, pattern, o}, " "))
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 9 || !slices.Equal(got, want) {
		t.Errorf("the KafkaUser has\n%s\ninternal/KAFKA.md lists\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
