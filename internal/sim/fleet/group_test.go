package fleet

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const topic = "sms.outbound"

// group is a coordinator with the balancer that internal/kafka gives the sink's client (kafka.GroupOpts, classic protocol), which moves
// partitions in two steps: those that are to move are taken back first, and given out by a second rebalance.
type group struct {
	t          *testing.T
	partitions int32
	generation int32
	members    map[string][]int32 // by member id: what it holds
	moved      int                // partitions taken back, in all rebalances
}

func newGroup(t *testing.T, partitions int32) *group {
	return &group{t: t, partitions: partitions, members: make(map[string][]int32)}
}

// rebalance goes on until nobody has anything to give back. revoke is called for what a member must give back, before anybody else may have it.
func (g *group) rebalance(revoke func(member string, partitions []int32)) {
	g.t.Helper()
	for round := 0; ; round++ {
		if round == 5 {
			g.t.Fatal("no end of rebalances")
		}
		g.generation++
		plan := g.plan()
		given := false
		for id, next := range plan {
			var back []int32
			for _, p := range g.members[id] {
				if !slices.Contains(next, p) {
					back = append(back, p)
				}
			}
			if len(back) > 0 {
				given = true
				g.moved += len(back)
				revoke(id, back)
			}
			g.members[id] = next
		}
		if !given {
			return
		}
	}
}

// plan asks the balancer.
func (g *group) plan() map[string][]int32 {
	g.t.Helper()
	balancer := kgo.CooperativeStickyBalancer()
	var members []kmsg.JoinGroupResponseMember
	for id, held := range g.members {
		m := kmsg.NewJoinGroupResponseMember()
		m.MemberID = id
		m.ProtocolMetadata = balancer.JoinGroupMetadata([]string{topic}, map[string][]int32{topic: held}, g.generation-1)
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b kmsg.JoinGroupResponseMember) int {
		return slices.Compare([]byte(a.MemberID), []byte(b.MemberID))
	})
	mb, _, err := balancer.MemberBalancer(members)
	if err != nil {
		g.t.Fatal(err)
	}
	balanced, err := mb.(kgo.GroupMemberBalancerOrError).BalanceOrError(map[string]int32{topic: g.partitions})
	if err != nil {
		g.t.Fatal(err)
	}
	plan := make(map[string][]int32)
	for _, a := range balanced.IntoSyncAssignment() {
		topics, err := balancer.ParseSyncAssignment(a.MemberAssignment)
		if err != nil {
			g.t.Fatal(err)
		}
		plan[a.MemberID] = topics[topic]
	}
	return plan
}

// checkEven fails where a partition is nobody's or somebody's twice, or where one member holds two more than another.
func (g *group) checkEven() {
	g.t.Helper()
	owners := make(map[int32]string)
	least, most := int(g.partitions), 0
	for id, held := range g.members {
		least, most = min(least, len(held)), max(most, len(held))
		for _, p := range held {
			if other := owners[p]; other != "" {
				g.t.Fatalf("partition %d is %s's and %s's", p, other, id)
			}
			owners[p] = id
		}
	}
	if len(owners) != int(g.partitions) || most > least+1 {
		g.t.Fatalf("%d of %d partitions have an owner; members hold %d to %d", len(owners), g.partitions, least, most)
	}
}

func name(i int) string { return fmt.Sprintf("replica-%03d", i) }
