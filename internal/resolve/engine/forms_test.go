package engine

import (
	"fmt"
	"sync"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/sms"
)

func TestAFormIsLearnedFromReceiptsThatAgreeAndForgottenWhenTheyMatchNoMore(t *testing.T) {
	t.Parallel()
	f := NewForms(map[string]sms.IDForm{"fixed": sms.FormSame, "a": sms.FormUnknown})
	var alarms []Alarm
	f.OnAlarm(func(a Alarm) { alarms = append(alarms, a) })
	for i := range learnAfter - 1 {
		f.Observe("a", fmt.Sprintf("%X", 1000+i), fmt.Sprint(1000+i), true)
	}
	f.Observe("a", "5", "5", true) // every form explains it: it teaches nothing
	if f.Of("a") != sms.FormUnknown {
		t.Fatal("learned too early")
	}
	f.Observe("a", "ABC", "2748", true)
	if f.Of("a") != sms.FormHexDec {
		t.Fatalf("learned %v", f.Of("a"))
	}
	for range window {
		f.Observe("a", "", "", false)
	}
	if f.Of("a") != sms.FormUnknown || len(alarms) != 1 || !alarms[0].Unlearn || alarms[0].Form != sms.FormHexDec || !alarms[0].Poor {
		t.Fatalf("form %v, alarms %+v", f.Of("a"), alarms)
	}
	for range window {
		f.Observe("a", "abc", "abc", true)
	}
	if f.Of("a") != sms.FormSame || len(alarms) != 2 || alarms[1].Poor {
		t.Fatalf("form %v, alarms %+v", f.Of("a"), alarms)
	}
}

func TestAFormThatReceiptsContradictIsNotLearned(t *testing.T) {
	t.Parallel()
	f := NewForms(nil)
	for i := range 10 * learnAfter {
		if i%(learnAfter-1) == 0 {
			f.Observe("a", "abc", "abc", true)
			continue
		}
		f.Observe("a", "ABC", "2748", true)
	}
	if f.Of("a") != sms.FormUnknown {
		t.Fatalf("learned %v", f.Of("a"))
	}
}

func TestAFormFromTheConfigurationStays(t *testing.T) {
	t.Parallel()
	f := NewForms(map[string]sms.IDForm{"a": sms.FormDecHex})
	alarms := 0
	f.OnAlarm(func(Alarm) { alarms++ })
	for range 3 * window {
		f.Observe("a", "ABC", "ABC", true)
	}
	for range 3 * window {
		f.Observe("a", "", "", false)
	}
	if f.Of("a") != sms.FormDecHex || alarms != 1 {
		t.Fatalf("form %v, %d alarms", f.Of("a"), alarms)
	}
}

func TestFormsAreReadWhileTheyAreLearned(t *testing.T) {
	t.Parallel()
	f := NewForms(nil)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				f.Observe(fmt.Sprint(i%7), "ABC", "2748", true)
				f.Of(fmt.Sprint(g))
			}
		})
	}
	wg.Wait()
	if f.Of("3") != sms.FormHexDec {
		t.Fatalf("learned %v", f.Of("3"))
	}
}

// TestAFormLearnedWhileMostReceiptsAreOthersIsForgottenToo: other systems share the account, and then the carrier changes how it writes ids.
func TestAFormLearnedWhileMostReceiptsAreOthersIsForgottenToo(t *testing.T) {
	t.Parallel()
	f := NewForms(map[string]sms.IDForm{"fixed": sms.FormSame})
	for _, smsc := range []string{"a", "fixed"} {
		for i := range 10 * window {
			if i%5 < 2 {
				f.Observe(smsc, "10C8F40D", "10C8F40D", true)
			} else {
				f.Observe(smsc, "", "", false)
			}
		}
		if f.Of(smsc) != sms.FormSame {
			t.Errorf("%s: of 400 that agree %v was learned", smsc, f.Of(smsc))
		}
		for range window {
			f.Observe(smsc, "", "", false)
		}
	}
	if a, fixed := f.Of("a"), f.Of("fixed"); a != sms.FormUnknown || fixed != sms.FormSame {
		t.Errorf("after %d of which none was found it is %v, and the configured one %v", window, a, fixed)
	}
}
