package breaks

import (
	"strconv"
	"strings"
)

// row is a scenario of the crash and fault suite, on the broker inside the test process.
func row(test, name string) scenario {
	return scenario{in: "internal/e2e/faults", test: "^" + test + "$/^" + name + "$/^kfake$", args: []string{"-all"}}
}

// onApache takes the same row on Apache Kafka.
func onApache(s scenario) scenario {
	s.test = strings.Replace(s.test, "^kfake$", "^apache$", 1)
	return s
}

// simulated is a world of the simulation, played more than once: runs of a seed differ a little.
func simulated(seed uint64) scenario {
	return scenario{in: "internal/sim", test: "^TestWhateverIsBrokenThePromisesHold$", args: []string{"-seed", strconv.FormatUint(seed, 10), "-count=20"}}
}

// nofailfile keeps rapid from leaving what it has found in the tree, and from looking long for the least of it: it is the
// break's, not the code's.
var nofailfile = []string{"-rapid.nofailfile", "-rapid.shrinktime=1s"}

// ofPromises are in the order of a message's way.
var ofPromises = []broken{
	{
		name: "it sends before the grant is committed", promise: "2",
		changes: []change{{
			"internal/sink/commit.go",
			"	s.inflight = c\n",
			"	s.inflight = c\n	s.offer(c.grants, now)\n",
		}},
		caught: row("TestTheConnectorKilledAtEachPoint", "killed_at_smpp-sink-end.before"),
		says:   `was taken \d+ times by SMSCs, and its result does not say so`,
	},
	{
		name: "it begins transactions before DELIVERY_COMMIT_INTERVAL is over", promise: "contract, variables",
		changes: []change{{
			"internal/sink/cadence.go",
			"	interval := s.cfg.Delivery.CommitInterval\n",
			"	interval := s.cfg.Delivery.CommitInterval / 4\n",
		}},
		caught: scenario{in: "internal/sink", test: "^TestDeliveryCommitIntervalLiesBetweenTwoTransactions$"},
		says:   `lies between two`,
	},
	{
		name: "it commits what it has written for a partition that was lost meanwhile", promise: "1",
		changes: []change{{
			"internal/sink/begin.go",
			"func(m *message) bool { return !m.part.held })",
			"func(*message) bool { return false })",
		}},
		caught: scenario{in: "internal/sink", test: "^TestATransactionThatHasResultsOfALostPartitionIsAborted$"},
		says:   `it ended with`,
	},
	{
		name: "it commits offsets alone where nothing follows what a transaction was begun with", promise: "1",
		changes: []change{{
			"internal/kafka/transactor.go",
			"	p := t.begun\n	t.begun = nil\n	if p == nil {\n		if len(c.Records) == 0 {\n			return t.commitPlain(ctx, m, c.Offsets)\n		}\n",
			"	p := t.begun\n	t.begun = nil\n	if len(c.Records) == 0 {\n		return t.commitPlain(ctx, m, c.Offsets)\n	}\n	if p == nil {\n",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestWhatATransactionWasBegunWithIsCommittedWithTheRestOrNotAtAll$"},
		says:   `already in a transaction`,
	},
	{
		name: "it commits though the client has become another producer within the transaction", promise: "1",
		changes: []change{{
			"internal/kafka/transactor.go",
			"	if err == nil {\n		err = p.same(ctx)\n	}\n",
			"",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestATransactionWhoseProducerChangesIsNotCommittedInPart$"},
		says:   `records are visible, of two`,
	},
	{
		name: "an answer that comes late for what is parked gives a result of its own", promise: "1",
		changes: []change{{
			"internal/sink/outcome.go",
			"	case m.parked: //",
			"	case m.parked && m.status == \"\": //",
		}},
		caught: scenario{in: "internal/sink", test: "^TestTheLoopKeepsItsBooksWhateverTheOrder$"},
		says:   `done true, 2 results`,
	},
	{
		name: "a hand-over waits for the next transaction", promise: "4",
		changes: []change{{
			"internal/sink/cadence.go",
			"	if s.leaving > 0 {\n",
			"	if s.leaving > 1000 {\n",
		}},
		caught: scenario{in: "internal/sink", test: "^TestAHandOverDoesNotWaitForTheNextTransaction$"},
		says:   `are in doubt`,
	},
	{
		name: "it takes a submit without an answer for accepted", promise: "4",
		changes: []change{{
			"internal/sink/answer.go",
			"		pc.state = doubtful\n		s.metrics.unanswered.Inc()\n",
			"		pc.state = accepted\n		s.metrics.unanswered.Inc()\n",
		}},
		caught: row("TestConnectionsToTheSMSCLost", "connection_cut_before_an_answer"),
		says:   `has never given the message id ""`,
	},
	{
		name: "it commits the result when the submit goes out, before the answer", promise: "1",
		changes: []change{{
			"internal/sink/grant.go",
			"			s.healths[m.target].out++\n		}\n",
			"			s.healths[m.target].out++\n		}\n		m.part.sending--\n		s.finish(m, \"accepted\", \"\")\n",
		}, {
			"internal/sink/answer.go",
			"	m := f.m\n",
			"	m := f.m\n	if m.status != \"\" {\n		return\n	}\n",
		}},
		caught: row("TestNothingBroken", "nothing_is_broken"),
		says:   `has never given the message id ""`,
	},
	{
		name: "it does not say possible_duplicate of what it sends again", promise: "4",
		changes: []change{{
			"internal/sink/outcome.go",
			`m.attempts, m.inDoubt && m.status != "in_doubt", m.reason`,
			`m.attempts, m.inDoubt && m.status == "", m.reason`,
		}},
		caught: row("TestConnectionsToTheSMSCLost", "connection_cut_before_an_answer"),
		says:   `was taken \d+ times by SMSCs, and its result does not say so`,
	},
	{
		name: "it takes an EndTxn without an answer for an abort", promise: "1",
		changes: []change{{
			"internal/kafka/transactor.go",
			"	return t.settle(ctx, p, m, c, err)\n",
			"	return t.abort(ctx, p, err)\n",
		}},
		caught: row("TestAnEndOfATransactionThatGotNoClearAnswer", "EndTxn_applied_and_answered_with_an_error"),
		says:   `has 2 results`,
	},
	{
		name: "it takes an EndTxn without an answer for a commit", promise: "1",
		changes: []change{{
			"internal/kafka/transactor.go",
			"	return t.settle(ctx, p, m, c, err)\n",
			"	p.discard()\n	return nil\n",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestAnEndWhoseAnswerIsLostIsSettledByReadingBack$"},
		says:   `want each exactly once`,
		quick:  true,
	},
	{
		name: "it goes on with a client whose produce it has given up", promise: "1",
		changes: []change{{
			"internal/kafka/transactor.go",
			"	if p.adrift || resized || v == broken ||",
			"	if resized || v == broken ||",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestAProduceWhoseAnswerComesTooLateTakesNothingAlong$/^taken,_before_KIP-890$"},
		says:   `visible are`,
	},
	{
		name: "it takes receipts of different subscribers for one", promise: "6",
		changes: []change{{
			"internal/resolve/engine/delivery.go",
			"in.Receipt.Error, in.From, in.To}",
			"in.Receipt.Error}",
		}},
		caught: scenario{in: "internal/resolve/engine", test: "^TestReceiptsOfDifferentSubscribersAreNotTakenForOne$"},
		says:   `of 20 receipts that came twice`,
	},
	{
		name: "it keeps a producer id whose epoch has run out", promise: "1",
		changes: []change{{
			"internal/kafka/producer.go",
			"	cl      *kgo.Client\n",
			"	cl      *kgo.Client\n	firstID int64\n",
		}, {
			"internal/kafka/producer.go",
			"	pid, epoch, err := p.cl.ProducerID(ctx)\n	if err != nil {\n		return err\n	}\n	if !p.kip890",
			"	pid, epoch, err := p.cl.ProducerID(ctx)\n	if err != nil {\n		return err\n	}\n	if p.firstID == 0 {\n		p.firstID = pid\n	}\n	pid = p.firstID\n	if !p.kip890",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestAProducerWhoseEpochHasRunOutGoesOnUnderAnotherProducerID$/^kfake$"},
		says:   `transaction \d+: `,
	},
	{
		name: "it forgets at a takeover what was granted", promise: "4",
		changes: []change{{
			"internal/ledger/metadata.go",
			"		if State(s) != Pending {\n",
			"		if State(s) == Done {\n",
		}},
		caught: row("TestTheConnectorKilledAtEachPoint", "killed_at_session.write.after"),
		says:   `was taken \d+ times by SMSCs, and its result does not say so`,
	},
	{
		name: "it forgets at a takeover what was done beyond the committed offset", promise: "3",
		changes: []change{{
			"internal/ledger/metadata.go",
			"		if State(s) != Pending {\n",
			"		if State(s) == Granted {\n",
		}},
		caught: row("TestTheConnectorKilledAtEachPoint", "killed_at_smpp-sink-end.after"),
		says:   `has 2 results`,
	},
	{
		name: "it leaves out of the metadata what is done beyond the committed offset", promise: "3",
		changes: []change{{
			"internal/ledger/metadata.go",
			"		if s == gap { // goes with",
			"		if s == Done {\n			s = Pending\n		}\n		if s == gap { // goes with",
		}, {
			"internal/ledger/metadata.go",
			"if span := int(top - l.c); (span+4)/5 < len(runs) {",
			"if span := int(top - l.c); span < 0 {",
		}},
		caught: row("TestTheConnectorKilledAtEachPoint", "killed_at_smpp-sink-end.after"),
		says:   `has 2 results`,
	},
	{
		name: "it sends what it has inherited in doubt as if for the first time", promise: "4",
		changes: []change{{
			"internal/sink/loop.go",
			"m.granted, m.inDoubt, m.inherited = true, true, true",
			"m.granted, m.inDoubt, m.inherited = true, false, true",
		}},
		caught: row("TestTheConnectorKilledAtEachPoint", "killed_at_session.write.after"),
		says:   `was taken \d+ times by SMSCs, and its result does not say so`,
	},
	{
		name: "it goes on with a partition that somebody else had meanwhile", promise: "1",
		changes: []change{{
			"internal/sink/member.go",
			"om != p.committed {",
			"om.Offset < 0 {",
		}, {
			"internal/sink/member.go",
			"		if p.member != m.MemberID {\n			return false\n",
			"		if p.member == \"\" {\n			return false\n",
		}, {
			"internal/sink/member.go",
			"p != nil && m.Valid() && p.member != m.MemberID {",
			"p != nil && m.Valid() && p.member == \"\" {",
		}},
		caught: scenario{in: "internal/sink", test: "^TestAMemberThatWasEvictedWhileItJoinedWritesNothingOfWhatOthersHaveNow$"},
		says:   `was sent \d times and has \d results`,
	},
	{
		name: "it believes a broker that has forgotten what it had confirmed", promise: "1, 3",
		changes: []change{{
			"internal/sink/behind.go",
			"	if p.n == 0 {",
			"	if p.n >= 0 {",
		}},
		caught: scenario{in: "internal/sink", test: "^TestABrokerThatHasForgottenAllCommitsMakesNobodySendThemAgain$"},
		says:   `was sent \d times and has \d results`,
	},
	{
		name: "it aborts, along with its next transaction, one that a broker has answered and forgotten to end", promise: "1",
		changes: []change{{
			"internal/kafka/transactor.go",
			"	err := t.confirm(ctx, p)\n",
			"	var err error\n",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestAnAbortDoesNotTakeAlongWhatTheBrokerHasForgottenToEnd$"},
		says:   `\d records are visible`,
	},
	{
		name: "it looks at the offsets alone for an end that a broker has forgotten", promise: "1",
		changes: []change{{
			"internal/kafka/confirm.go",
			"			err = t.confirmWritten(outer, p)\n",
			"			_ = outer\n",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestAnAbortDoesNotTakeAlongWhatTheBrokerHasForgottenToEndInSomePartitions$"},
		says:   `\d records are visible`,
	},
	{
		name: "it sends to who has opted out", promise: "FLOW, opt-outs",
		changes: []change{{
			"internal/sink/optouts.go",
			"	_, out := o.out[o.key(m.number, \"\")]\n",
			"	out := false\n",
		}},
		caught: scenario{in: "internal/sink", test: "^TestNothingIsSentToWhoHasOptedOut$"},
		says:   `state 2, status ""`,
	},
	{
		name: "it sends before it has read who has opted out", promise: "FLOW, opt-outs",
		changes: []change{{
			"internal/sink/optouts.go",
			"	o.behind = o.unknown()\n",
			"",
		}},
		caught: scenario{in: "internal/sink", test: "^TestNothingIsSentWhileTheListIsNotKnown$"},
		says:   `before the list is read`,
	},
	{
		name: "it leaves readers waiting behind a transaction that no offset tells of", promise: "5",
		changes: []change{{
			"internal/kafka/leftopen.go",
			"			go l.searchHeldBack(beside, cl)\n",
			"",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestAfterATakeoverReadersAreNotHeldBackByWhatNoOffsetTellsOf$"},
		says:   `0 records are visible, want 2`,
	},
	{
		name: "it takes for aborted what was committed and passed to another owner", promise: "1",
		changes: []change{{
			"internal/kafka/transactor.go",
			"if ours || p.committedIn(&last) {",
			"if ours {",
		}},
		caught: scenario{in: "internal/kafka", test: "^(TestWhatWasCommittedAndPassedToAnotherOwnerIsNotAborted|TestACommitIsNotTakenForAbortedByWhatAGroupsCoordinatorHasNotReadYet)$"},
		says:   `the offsets are another's by now`,
	},
	{
		name: "it ends the offsets alone of a transaction whose end a broker has forgotten", promise: "5",
		changes: []change{{
			"internal/kafka/leftopen.go",
			"			if len(req.Topics) == 0 {\n",
			"			if req != nil {\n",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestAfterATakeoverWhatIsOpenOfACompleteTransactionIsReadOn$"},
		says:   `0 records are visible`,
	},
	{
		name: "it looks for a lost end only among the writers that committed offsets name", promise: "1",
		changes: []change{{
			"internal/kafka/leftopen.go",
			"		go l.searchUntilStable(beside, cl, parts)\n",
			"		return\n",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestWhatNoCommittedOffsetNamesIsFoundAndEnded$"},
		says:   `UNSTABLE_OFFSET_COMMIT`,
	},
	{
		name: "it commits, along with its next transaction, one that was aborted and that a broker has forgotten to end", promise: "1",
		changes: []change{{
			"internal/kafka/transactor.go",
			"		err = t.endAborted(ctx, p)\n",
			"",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestACommitDoesNotTakeAlongWhatTheBrokerHasForgottenToAbort$"},
		says:   `is visible, and was aborted`,
	},
	{
		name: "it forgets how a transaction had ended that it has fenced", promise: "1",
		changes: []change{{
			"internal/kafka/fence.go",
			"	u.ends[id] = e\n",
			"	_ = e\n",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestHowATransactionEndedIsRememberedWhereItsReleaseFails$"},
		says:   `UNSTABLE_OFFSET_COMMIT`,
	},
	{
		name: "it fences an id that another has fenced and is about to release", promise: "1",
		changes: []change{{
			"internal/kafka/fence.go",
			"f.state == \"\" {\n					return f, nil\n",
			"f.state == \"\" && t.State == \"\" {\n					return f, nil\n",
		}},
		caught: scenario{in: "internal/kafka", test: "^TestWhoDoesNotKnowHowATransactionEndedDoesNotShutOutWhoDoes$"},
		says:   `UNSTABLE_OFFSET_COMMIT`,
	},
	{
		name: "it goes on where it stood when a partition comes back that somebody else had", promise: "1",
		changes: []change{{
			"internal/sink/rebalance.go",
			"if lost || old.committed == om {",
			"if true {",
		}},
		caught: row("TestAFrozenReplicaThatWakesUpSendsNothingOld", "frozen_past_the_session,_any_moment"),
		says:   `has \d+ results|its result does not say so`,
	},
	{
		name: "it forgets a partition whose hand-over did not get through", promise: "4",
		changes: []change{{
			"internal/sink/rebalance.go",
			"p.ledger.Granted())\n				s.lose(p)\n",
			"p.ledger.Granted())\n				s.withdraw(p)\n				s.handOver(p)\n",
		}},
		caught: simulated(80060522),
		says:   `is said to be in doubt`,
	},
	{
		name: "it does not read again what it had left to the next owner of a partition that comes back", promise: "1",
		changes: []change{{
			"internal/sink/partition.go",
			"	return ledger.Fresh\n",
			"	return ledger.Repeated\n",
		}},
		caught: scenario{in: "internal/sink", test: "^TestAPartitionWhoseHandOverDidNotGetThroughComesBackAsItWas$"},
		says:   `3 results, C is 1`,
	},
	{
		name: "it leaves the transaction of a dead predecessor open", promise: "takeover within two seconds",
		changes: []change{{
			"internal/sink/rebalance.go",
			"	s.txn.Left.End(ctx, client, cl, added)\n",
			"",
		}},
		caught: onApache(row("TestAReplicaKilledInsideATransaction", "one_of_two_replicas_killed_inside_a_transaction")),
		says:   `still no: new result from every partition`,
	},
	{
		name: "it ends with a takeover what should go on beside it", promise: "takeover within two seconds",
		changes: []change{{
			"internal/sink/rebalance.go",
			"	s.txn.Left.End(ctx, client, cl, added)\n",
			"	s.txn.Left.End(ctx, ctx, cl, added)\n",
		}},
		caught: scenario{in: "internal/sink", test: "^TestWhatADeadPredecessorLeftOpenIsEndedAfterTheTakeover$"},
		says:   `1 of 2 results came`,
	},
	{
		name: "it writes metadata that the release before cannot read", promise: "UPGRADE",
		changes: []change{{
			"internal/ledger/metadata.go",
			`dst = append(dst, "v1;n="...)`,
			`dst = append(dst, "v2;n="...)`,
		}, {
			"internal/ledger/metadata.go",
			`strings.CutPrefix(s, "v1;")`,
			`strings.CutPrefix(strings.Replace(s, "v2;", "v1;", 1), "v1;")`,
		}},
		caught: scenario{in: "internal/e2e/faults", test: "^TestUpgradeAndRollback$/^upgraded_from_.*_and_back$/^kfake$"},
		says:   `does not begin with v1; \(written by a newer release`,
	},
	{
		name: "it hands partitions over without waiting for the answers", promise: "4",
		changes: []change{{
			"internal/sink/rebalance.go",
			"		clean = clean && closed(wait, w)\n",
			"		clean = clean && w == nil && wait == nil\n",
		}},
		caught: row("TestTheConnectorStoppedCleanly", "SIGTERM_under_load"),
		says:   `records are in doubt after a clean stop`,
	},
	{
		name: "it goes on sending when its lease has run out", promise: "3",
		changes: []change{{
			"internal/smpp/lease.go",
			"	return until > 0 && int64(l.clock()) < until\n",
			"	return until > 0\n",
		}},
		caught: row("TestAFrozenReplicaThatWakesUpSendsNothingOld", "frozen_at_sink.offer.before"),
		says:   `submits came after their record's result was visible`,
	},
	{
		name: "it goes on sending what was granted to a generation that it has lost", promise: "3",
		changes: []change{{
			"internal/sink/member.go",
			"	p.held = false\n	s.withdraw(p)\n	s.endLetGo",
			"	p.held = false\n	s.endLetGo",
		}, {
			"internal/sink/commit.go",
			"		s.lease.Expire()\n		s.cadence",
			"		s.cadence",
		}, {
			"internal/smpp/lease.go",
			"	return until > 0 && int64(l.clock()) < until\n",
			"	return until > 0\n",
		}},
		caught: simulated(10_000_123),
		says:   `although its result was committed`,
	},
	{
		name: "it goes on sending while commits get through, and the group has heard nothing of it for a session", promise: "3",
		changes: []change{{
			"internal/sink/heard.go",
			"	if e.Err() == nil || joins {\n		h.lease.Bound(h.until)\n",
			"	if e.Err() == nil || joins {\n		h.lease.Bound(smpp.Forever)\n",
		}},
		caught: simulated(70018560),
		says:   `although its result was committed`,
	},
	{
		name: "it looks at its lease before it encodes, and not again before it writes", promise: "3",
		changes: []change{{
			"internal/smpp/write.go",
			"		if !s.a.lease.Valid() {\n			s.unwrite()\n",
			"		if s.a.stale {\n			s.unwrite()\n",
		}},
		caught: scenario{in: "internal/smpp", test: "^TestALeaseThatEndsBetweenEncodingAndWritingStopsTheWrite$"},
		says:   `FAIL: TestALeaseThatEnds`,
		quick:  true,
	},
	{
		name: "it goes on sending for a partition that it has lost", promise: "2",
		changes: []change{{
			"internal/smpp/submit.go",
			"return c != nil && c.revoked.Load()",
			"return false",
		}},
		caught: scenario{in: "internal/smpp", test: "^(TestAClaimRevokedBetweenEncodingAndWritingIsNotWritten|TestWithdrawBringsQueuedSubmitsBackAndLeavesTheOthers)$"},
		says:   `FAIL: TestAClaimRevoked`,
		quick:  true,
	},
	{
		name: "it takes an answer for that of another submit", promise: "1",
		changes: []change{{
			"internal/smpp/ring.go",
			"		s := r.find(responses[i].sequence)\n		if s == nil || !responses[i].answers(s.submit) {\n			unknown++",
			"		s := r.find(responses[i].sequence ^ 1)\n		if s == nil || !responses[i].answers(s.submit) {\n			unknown++",
		}},
		caught: row("TestNothingBroken", "nothing_is_broken"),
		says:   `has never given the message id "[^"]`,
	},
	{
		name: "it gives the number of an unanswered submit to another", promise: "1",
		changes: []change{{
			"internal/smpp/ring.go",
			"		for r.slots[q&mask].state == slotOut {\n",
			"		for r.slots[q&mask].state == slotOut && q == 0 {\n",
		}},
		caught: scenario{in: "internal/smpp", test: "^TestAnUnansweredSubmitKeepsItsPlaceWhileTheNumbersGoRound$"},
		says:   `the late answer to number 1 is`,
		quick:  true,
	},
	{
		name: "it answers a deliver_sm before Kafka holds it", promise: "5",
		changes: []change{{
			"internal/source/source.go",
			"	faultpoint.At(\"source.produce.before\")\n",
			"	d.Respond(wire.StatusOK)\n	faultpoint.At(\"source.produce.before\")\n",
		}},
		caught: row("TestTheBrokerKilled", "a_broker_away_for_longer_than_the_session"),
		says:   `was acknowledged and is lost|still no: receipt of each accepted part and each message from a subscriber`,
	},
	{
		name: "it answers a deliver_sm with ESME_ROK that Kafka did not take", promise: "5",
		changes: []change{{
			"internal/source/source.go",
			"			d.Refuse(wire.StatusSysErr)\n",
			"			d.Respond(wire.StatusOK)\n",
		}},
		caught: row("TestTheBrokerKilled", "a_broker_away_for_longer_than_the_session"),
		says:   `was acknowledged and is lost|still no: receipt of each accepted part and each message from a subscriber`,
	},
	{
		name: "the resolver commits its offsets before its receipts", promise: "5",
		changes: []change{{
			"internal/resolve/commit.go",
			"		err := r.txn.Commit(ctx, b.member, &c)\n",
			"		_ = r.txn.Commit(ctx, b.member, &kafka.Commit{Offsets: c.Offsets})\n		err := r.txn.Commit(ctx, b.member, &c)\n",
		}},
		caught: row("TestTheConnectorKilledAtEachPoint", "killed_at_smpp-source-end.before"),
		says:   `was acknowledged and is lost|still no: receipt of each accepted part and each message from a subscriber`,
	},
	{
		name: "the resolver loses a part that waits when its partition moves", promise: "5",
		changes: []change{{
			"internal/resolve/engine/parts.go",
			"	out.put(e.cfg.Partition, waitingRecordKey(store.Part, key, p.id.Disc), value, true)\n",
			"",
		}},
		caught: scenario{in: "internal/resolve/engine", test: "^TestWhateverHappensInWhateverOrder$", args: nofailfile},
		says:   `FAIL: TestWhatever`,
		quick:  true,
	},
	{
		name: "the resolver forgets which receipts it has published", promise: "README, receipts",
		changes: []change{{
			"internal/resolve/engine/origin.go",
			"	if st.note(s.Hash, s.Final) {\n",
			"	if false {\n",
		}},
		caught: scenario{in: "internal/resolve/engine", test: "^TestWhateverHappensInWhateverOrder$", args: nofailfile},
		says:   `FAIL: TestWhatever`,
		quick:  true,
	},
}
