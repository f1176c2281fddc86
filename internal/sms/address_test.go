package sms

import (
	"errors"
	"strings"
	"testing"
)

func TestAddressesAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in     string
		sender bool
		want   Address
	}{
		{"+491701234567", false, Address{1, 1, "491701234567"}},
		{"00491701234567", false, Address{1, 1, "491701234567"}},
		{"+49 (170) 123-45.67", false, Address{1, 1, "491701234567"}},
		{"491701234567", true, Address{1, 1, "491701234567"}},
		{"01701234567", false, Address{0, 1, "01701234567"}},
		{"72345", true, Address{3, 0, "72345"}},
		{"72345", false, Address{0, 1, "72345"}},
		{"+12345", true, Address{1, 1, "12345"}},
		{"000112", false, Address{0, 1, "000112"}},
		{"Acme", true, Address{5, 0, "Acme"}},
		{"Acme & Co_1", true, Address{5, 0, "Acme & Co_1"}},
		{"+ACME", true, Address{5, 0, "+ACME"}},
		{"12345678901234567890", false, Address{1, 1, "12345678901234567890"}},
	} {
		got, err := ParseAddress(tt.in, tt.sender)
		if err != nil || got != tt.want {
			t.Errorf("%q, sender %v: %+v, %v; want %+v", tt.in, tt.sender, got, err, tt.want)
		}
	}
}

func TestAnAddressThatCannotBeUsedIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in     string
		sender bool
	}{
		{"", false}, {"   ", true}, {"+", false}, {"Acme", false}, {"+49x1701234567", false}, {"12*34567", false},
		{"123456789012345678901", false}, {"+123456789012345678901", true},
		{"Acme GmbH+Co", true}, {"[[[[[[", true}, {"Müller", true}, {"a\x00b", true}, {"a`b", true}, {"a\nb", true}, {"\xff\xfe", true},
		{"４９１７０１２３４５６７", false},
	} {
		_, err := ParseAddress(tt.in, tt.sender)
		var e *AddressError
		if !errors.As(err, &e) {
			t.Errorf("%q, sender %v: %v", tt.in, tt.sender, err)
			continue
		}
		if len(tt.in) > 8 && strings.Contains(err.Error(), tt.in) {
			t.Errorf("the error shows the address: %v", err)
		}
	}
}

func TestNumbersAreTheSameHoweverTheyAreWritten(t *testing.T) {
	for in, want := range map[string]string{
		"+491701234567": "491701234567", "00491701234567": "491701234567", "491701234567": "491701234567", " +49 170-1234567": "491701234567",
		"01701234567": "01701234567", "72345": "72345", "0012": "0012", "Acme": "Acme", "": "", "+": "+", "*100#": "*100#", " ": " ",
		"0000491701234567": "491701234567",
	} {
		if got := NormalNumber(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = NormalNumber("+491701234567") }); n != 0 {
		t.Errorf("a number takes %v allocations", n)
	}
}

func TestAMaskedNumberDoesNotTellTheNumber(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"+491701234567": "+49…67", "72345": "…", "": "…", "äöüäöü": "ä…ü"} {
		if got := MaskNumber(in); got != want {
			t.Errorf("%q is masked as %q, want %q", in, got, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"+49 170", "00491701234567", "Acme", "72345", "Ü", "+0000000000"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, sender bool) {
		n := NormalNumber(s)
		if NormalNumber(n) != n {
			t.Fatalf("%q becomes %q becomes %q", s, n, NormalNumber(n))
		}
		a, err := ParseAddress(s, sender)
		if err != nil {
			_ = err.Error()
			return
		}
		if a.Addr == "" || len(a.Addr) > maxDigits || strings.IndexByte(a.Addr, 0) >= 0 {
			t.Fatalf("%q is the address %q", s, a.Addr)
		}
		if a.TON != TONAlphanumeric && a.Addr != n {
			t.Fatalf("%q is sent to %q and compared as %q", s, a.Addr, n)
		}
	})
}
