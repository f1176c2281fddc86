package breaks

// tracker is a test of an SMSC with one bad habit.
func tracker(test string) scenario {
	return scenario{in: "internal/e2e/interop", test: "^" + test + "$"}
}

// withCarriers are what the trackers of SMPP stacks are full of, put into our code: internal/INTEROP.md.
var withCarriers = []broken{
	{
		name: "it joins the parts of a message as they come", promise: "INTEROP",
		changes: []change{{
			"internal/resolve/engine/parts.go",
			"	for at < len(g.parts) && g.parts[at].id.Disc < p.id.Disc {\n",
			"	for at < len(g.parts) {\n",
		}},
		caught: tracker("TestPartsOutOfOrder"),
		says:   `Complete:true`,
	},
	{
		name: "it counts a part that comes twice as another one", promise: "INTEROP",
		changes: []change{{
			"internal/resolve/engine/parts.go",
			"		if g.parts[i].hash == hash {\n",
			"		if g.parts[i].hash == 0 {\n",
		}},
		caught: tracker("TestPartsOutOfOrder"),
		says:   `Complete:false`,
	},
	{
		name: "it looks for a receipt's message only on the bind that the receipt came on", promise: "INTEROP",
		changes: []change{{
			"internal/source/source.go",
			"	env := record.Deliver{SMSC: d.Account, Bind:",
			"	env := record.Deliver{SMSC: d.Account + \"+\"[:min(d.Bind, 1)], Bind:",
		}},
		caught: tracker("TestReceiptsOnAnotherBind"),
		says:   `has \d of \d records|not joined`,
	},
	{
		name: "it takes a date of zeros for a date", promise: "INTEROP",
		changes: []change{{
			"internal/sms/receiptdate.go",
			"	if _, ok := dateOf(year, month, day, hour, minute, second); !ok {\n",
			"	if _, ok := dateOf(year, month, day, hour, minute, second); !ok && day > 0 {\n",
		}},
		caught: tracker("TestZeroDates"),
		says:   `State:DELIVERED`,
	},
	{
		name: "it takes a refusal with a message id for an acceptance", promise: "INTEROP",
		changes: []change{{
			"internal/smpp/read.go",
			"		s.ids = append(s.ids, s.resp.MessageID...)\n",
			"		s.ids = append(s.ids, s.resp.MessageID...)\n		if len(s.resp.MessageID) > 0 {\n			r.status = wire.StatusOK\n		}\n",
		}},
		caught: tracker("TestNegativeResponsesWithABody"),
		says:   `Status:accepted`,
	},
	{
		name: "it ends the session at a refusal with a body", promise: "INTEROP",
		changes: []change{{
			"internal/smpp/read.go",
			"		s.ids = append(s.ids, s.resp.MessageID...)\n",
			"		if s.ids = append(s.ids, s.resp.MessageID...); h.Status != 0 && len(body) > 0 {\n			s.fail(errLane)\n			return\n		}\n",
		}},
		caught: tracker("TestNegativeResponsesWithABody"),
		says:   `PossibleDuplicate:true`,
	},
	{
		name: "it binds again at once where the SMSC still holds the old session", promise: "INTEROP",
		changes: []change{{
			"internal/smpp/class.go",
			"		return troubleAlreadyBound\n",
			"		return troubleNetwork\n",
		}},
		caught: tracker("TestRebindingBeforeTheOldSessionIsGone"),
		says:   `bound again after`,
	},
	{
		name: "it gives messages to a bind that is not there, and takes them back, round and round", promise: "INTEROP",
		changes: []change{{
			"internal/sink/grant.go",
			"			s.up[i] = a.Ready()\n",
			"			s.up[i] = true\n",
		}, {
			"internal/sink/grant.go",
			"			s.budget[i] = a.Budget(min(ahead, short))\n",
			"			s.budget[i] = max(a.Budget(min(ahead, short)), 100)\n",
		}, {
			"internal/smpp/account.go",
			"	case a.stale:\n",
			"	case len(a.sessions) == 0:\n",
		}},
		caught: tracker("TestRequeueStormsWhileUnbound"),
		says:   `Attempts:\d\d`,
	},
	{
		name: "it sends all parts again when one is refused for now", promise: "INTEROP",
		changes: []change{{
			"internal/sink/grant.go",
			"			if pc.state == accepted {\n				continue\n			}\n			f := &flights[0]\n",
			"			f := &flights[0]\n",
		}},
		caught: tracker("TestThrottleWhileMultiPart"),
		says:   `was submitted \d times, want`,
	},
}
