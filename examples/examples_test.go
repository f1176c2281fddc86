package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

var runs atomic.Int32

// numbers are those that the last match of the pattern has in its groups.
func numbers(t *testing.T, out, pattern string) []int {
	t.Helper()
	all := regexp.MustCompile(pattern).FindAllStringSubmatch(out, -1)
	if len(all) == 0 {
		t.Fatalf("nothing matches %s", pattern)
	}
	var ns []int
	for _, group := range all[len(all)-1][1:] {
		n, err := strconv.Atoi(group)
		if err != nil {
			t.Fatal(err)
		}
		ns = append(ns, n)
	}
	return ns
}

// runUntilAnswered runs the command, and once more with all the time that a machine may need which has much else to do, if nobody has
// answered within the usual.
func runUntilAnswered(t *testing.T, example, command, withTime, nobody string) string {
	t.Helper()
	out := run(t, example, command)
	if strings.Contains(out, nobody) {
		out = run(t, example, command+withTime)
	}
	return out
}

const campaignLine = `(\d+) messages: (\d+) accepted, (\d+) refused, (\d+) delivered, (\d+) not delivered`

func TestACampaignIsSentOnceHoweverOftenItIsRun(t *testing.T) {
	t.Parallel()
	cmd := command(t, "campaign", "go run")
	name := fmt.Sprintf(" --name garden%d", runs.Add(1)) // with -count the demo has seen the last one
	first := run(t, "campaign", cmd+name)
	n := numbers(t, first, campaignLine)
	if n[0] != 60 || n[1] != 59 || n[2] != 1 || n[3]+n[4] != 59 {
		t.Errorf("of 60 messages, one to a number that does not exist: %v", n)
	}
	if !strings.Contains(first, "60 customers, 0 of them in an earlier run") || !strings.Contains(first, "c-1042: rejected: ") {
		t.Error("it does not say what it did")
	}
	again := run(t, "campaign", cmd+name)
	if got := numbers(t, again, campaignLine); !slices.Equal(got, n) || !strings.Contains(again, "60 of them in an earlier run") {
		t.Errorf("run again: %v after %v", got, n)
	}
}

func TestOneTimePasswordsAndANewsletterAreAllAnswered(t *testing.T) {
	t.Parallel()
	out := run(t, "otp", command(t, "otp", "otp.mjs"))
	if n := numbers(t, out, `newsletter +(\d+) sent`); n[0] != 4000 {
		t.Errorf("%d newsletters", n[0])
	}
	if n := numbers(t, out, `code +(\d+) sent   waited \d+ ms \(p50\), \d+ ms`); n[0] != 20 {
		t.Errorf("%d codes", n[0])
	}
}

func TestVotesAreCountedLive(t *testing.T) {
	t.Parallel()
	out := runUntilAnswered(t, "voting", command(t, "voting", "voting.py"), " --seconds 60", "closed with   0 votes")
	n := numbers(t, out, `closed with +(\d+) votes   A Alpine Echo +(\d+).* B Blue Monday +(\d+).* C Cellar Door +(\d+)`)
	if n[0] == 0 || n[0] != n[1]+n[2]+n[3] || n[0] > 200 {
		t.Errorf("votes, A, B, C: %v", n)
	}
}

func TestAnswersAreJoinedToAppointments(t *testing.T) {
	t.Parallel()
	out := runUntilAnswered(t, "appointments", command(t, "appointments", "Appointments.java"), " 60", "0 confirmed, 0 cancelled")
	n := numbers(t, out, `(\d+) confirmed, (\d+) cancelled, (\d+) to be called`)
	if n[0]+n[1]+n[2] != 12 || n[0]+n[1] == 0 {
		t.Errorf("confirmed, cancelled, to be called: %v", n)
	}
	if answers := strings.Count(out, "  Patient "); answers < n[0]+n[1] {
		t.Errorf("%d answers for %v", answers, n)
	}
}

func TestWhoWroteSTOPGetsNoSecondNewsletter(t *testing.T) {
	t.Parallel()
	out := runUntilAnswered(t, "optout", command(t, "optout", "optout.py"), " --seconds 60", "\n0 people wrote STOP")
	first := numbers(t, out, `first newsletter: (\d+) sent, (\d+) of 50`)
	stops := numbers(t, out, `(\d+) people wrote STOP`)[0]
	second := numbers(t, out, `second newsletter: (\d+) sent, (\d+) of 50`)
	if stops == 0 || first[0]+first[1] != 50 || second[0]+second[1] != 50 || second[1] != first[1]+stops {
		t.Errorf("sent and opted out: %v, then %d wrote STOP, then %v", first, stops, second)
	}
}

func TestADeliveryReportBySQL(t *testing.T) {
	t.Parallel()
	out := run(t, "report", command(t, "report", "report.py"))
	if n := numbers(t, out, `sms.results: (\d+) records`); n[0] < 10 {
		t.Errorf("%d results, although the demo sent 10 before", n[0])
	}
	for _, row := range []string{`(?m)│ north +│ +\d+ │`, `(?m)│ south +│ +\d+ │`, `│ +why +│ messages │`, `│ replies │`} {
		if !regexp.MustCompile(row).MatchString(out) {
			t.Errorf("no row is like %s", row)
		}
	}
}

// TestClientsOfAllLanguagesAgreeOnThePartition runs each with the same recipient. A key that librdkafka or Node puts elsewhere than Java
// and Go would make a mess of whatever joins by key.
func TestClientsOfAllLanguagesAgreeOnThePartition(t *testing.T) {
	t.Parallel()
	numbersOf := []string{"+491761234561", "+491761234562"} // of two partitions, or one would be no proof
	partitions := map[string][]int{}
	t.Run("each", func(t *testing.T) {
		for _, language := range []string{"go", "java", "python", "node"} {
			partitions[language] = make([]int, len(numbersOf))
			got := partitions[language]
			t.Run(language, func(t *testing.T) {
				t.Parallel()
				for i, to := range numbersOf {
					out := run(t, "clients/"+language, command(t, "clients", "examples/clients/"+language)+" "+to+" Hello.")
					got[i] = 1 + numbers(t, out, `is at sms.outbound, partition (\d+), offset \d+`)[0]
					if !regexp.MustCompile(`result: accepted, message_id \S+`).MatchString(out) || !regexp.MustCompile(`receipt: part 1 is [A-Z]+`).MatchString(out) {
						t.Error("it did not follow its message to the end")
					}
				}
			})
		}
	})
	want := partitions["go"]
	if want[0] == want[1] {
		t.Errorf("both numbers have partition %d", want[0]-1)
	}
	for language, got := range partitions {
		if got[0] != 0 && !slices.Equal(got, want) { // 0: left out
			t.Errorf("%s chose partitions %v, Go %v (counted from 1)", language, got, want)
		}
	}
}

func TestAnSMSCIsLoaded(t *testing.T) {
	t.Parallel()
	out := run(t, "loadtest", command(t, "loadtest", "go run"))
	if n := numbers(t, out, `accepted +(\d+)`); n[0] != 10_000 {
		t.Errorf("%d accepted", n[0])
	}
	numbers(t, out, `10000 messages in \S+: (\d+) a second`)
	if !strings.Contains(out, "answers after ") {
		t.Error("it does not say how long answers took")
	}
}

// TestEveryExampleHasAPageThatTheIndexNames also wants a command and what one sees on it.
func TestEveryExampleHasAPageThatTheIndexNames(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		page, err := os.ReadFile(filepath.Join(e.Name(), "README.md"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(index), "("+e.Name()+"/README.md)") {
			t.Errorf("the index does not name %s", e.Name())
		}
		for _, part := range []string{"```sh\n", "```text\n", "**On your "} {
			if !strings.Contains(string(page), part) {
				t.Errorf("%s has no %q", e.Name(), part)
			}
		}
	}
}
