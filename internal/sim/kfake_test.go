package sim

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const kfakeModule = "github.com/twmb/franz-go/pkg/kfake"

// kfakeMends are where kfake's classic groups differ from Apache Kafka's in a way that stops
// a group for good, found by seeds. Each text is there exactly once.
//
// A member is kept for ever whose connection is dead when the answer to its JoinGroup is
// due: its session is timed only if the answer could be written. GroupCoordinator times it
// whether or not (completeAndScheduleNextHeartbeatExpiration in onCompleteJoin).
//
// A member that waits in SyncGroup and then leaves, or joins again, is counted among those
// that wait in JoinGroup: the count stays one short, and the join is completed by its timer
// alone, which every retry of a member starts anew.
//
// A member that an operator takes out while it waits in JoinGroup or SyncGroup gets no answer at all, and waits
// for its client's timeout, 70 s. GroupCoordinator answers UNKNOWN_MEMBER_ID (removeMemberAndUpdateGroup).
//
// A member that waits in JoinGroup or SyncGroup, which sends no heartbeats, is timed out by its session, again without an answer: when
// another has died and is waited for, whoever joined before it. GroupCoordinator counts the wait as a sign of life
// (hasSatisfiedHeartbeat), and times the member from the answer on.
var kfakeMends = []struct{ old, new string }{{
	"\t\tif g.members[m.memberID] != m {\n\t\t\treturn\n\t\t}\n\t\tg.updateMemberAndRebalance(m, nil, nil)\n",
	"\t\tif g.members[m.memberID] != m || !m.waitingReply.empty() {\n\t\t\treturn\n\t\t}\n\t\tg.updateMemberAndRebalance(m, nil, nil)\n",
}, {
	"\tif !creq.reply(kresp) {\n\t\treturn\n\t}\n\tif m != nil {\n\t\tg.updateHeartbeat(m)\n",
	"\tcreq.reply(kresp)\n\tif m != nil {\n\t\tg.updateHeartbeat(m)\n",
}, {
	"\tif !m.waitingReply.empty() {\n\t\tg.nJoining--\n",
	"\tif m.joins() {\n\t\tg.nJoining--\n",
}, {
	"if m.waitingReply.empty() && !waitingReply.empty() {\n",
	"if !m.joins() && !waitingReply.empty() {\n",
}, {
	"\t\t} else {\n\t\t\tg.updateMemberAndRebalance(m, nil, nil)\n",
	"\t\t} else {\n\t\t\tm.gone()\n\t\t\tg.updateMemberAndRebalance(m, nil, nil)\n",
}, {
	"// Adds a new member to the group and rebalances.\n",
	`func (m *groupMember) gone() {
	if m.waitingReply.empty() {
		return
	}
	switch resp := m.waitingReply.kreq.ResponseKind().(type) {
	case *kmsg.JoinGroupResponse:
		resp.ErrorCode = kerr.UnknownMemberID.Code
		m.waitingReply.reply(resp)
	case *kmsg.SyncGroupResponse:
		resp.ErrorCode = kerr.UnknownMemberID.Code
		m.waitingReply.reply(resp)
	}
}

func (m *groupMember) joins() bool {
	if m.waitingReply.empty() {
		return false
	}
	_, ok := m.waitingReply.kreq.(*kmsg.JoinGroupRequest)
	return ok
}

// Adds a new member to the group and rebalances.
`,
}}

// mendKfake writes a copy of kfake without those defects, and of the module's go.mod that
// names it, into dir. It returns the path of the latter, for -modfile.
func mendKfake(dir string) (string, error) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", kfakeModule)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("go list %s: %w", kfakeModule, err)
	}
	from, to := strings.TrimSpace(string(out)), filepath.Join(dir, "kfake")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return "", err
	}
	for _, f := range files {
		if name := f.Name(); f.IsDir() || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err == nil && f.Name() == "groups.go" {
			text, err = mended(string(text))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f.Name()), text, 0o644)
		}
		if err != nil {
			return "", err
		}
	}
	const root = "../.."
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sim.mod")
	mod = fmt.Appendf(mod, "\nreplace %s => %s\n", kfakeModule, to)
	if err := os.WriteFile(path, mod, 0o644); err != nil {
		return "", err
	}
	return path, os.WriteFile(filepath.Join(dir, "sim.sum"), sum, 0o644)
}

func mended(text string) ([]byte, error) {
	for _, m := range kfakeMends {
		if n := strings.Count(text, m.old); n != 1 {
			return nil, fmt.Errorf("kfake's groups.go has %d times, and should have once:\n%s\nkfake has changed: see whether it still needs to be mended", n, m.old)
		}
		text = strings.Replace(text, m.old, m.new, 1)
	}
	return []byte(text), nil
}
