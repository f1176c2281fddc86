package number

import (
	"errors"
	"strings"
	"testing"
)

func TestNumbersAreReadAsTheirCountryWritesThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ country, in, want string }{
		{"DE", "01701234567", "+491701234567"},
		{"DE", "0170 / 123-45.67", "+491701234567"},
		{"DE", "+491701234567", "+491701234567"},
		{"DE", "00491701234567", "+491701234567"},
		{"DE", "491701234567", "+491701234567"},
		{"DE", "1701234567", "+491701234567"},
		{"DE", "447911123456", "+447911123456"},
		{"DE", "12345", "12345"},
		{"DE", "112", "112"},
		{"GB", "07911 123456", "+447911123456"},
		{"US", "(415) 555-2671", "+14155552671"},
		{"US", "14155552671", "+14155552671"},
		{"IN", "09876543210", "+919876543210"},
		{"IN", "9876543210", "+919876543210"},
		{"IT", "3471234567", "+393471234567"},
		{"FR", "0612345678", "+33612345678"},
		{"BR", "11987654321", "+5511987654321"},
		{"CH", "+41 79 123 45 67", "+41791234567"},
	} {
		country, err := ParseCountry(strings.ToLower(c.country))
		if err != nil {
			t.Fatal(err)
		}
		got, err := country.Normal(c.in)
		if err != nil || got != c.want {
			t.Errorf("%s in %s: %s, %v, want %s", c.in, c.country, got, err, c.want)
		}
		if err == nil {
			if again, err := country.Normal(got); err != nil || again != got {
				t.Errorf("%s is read again as %s, %v", got, again, err)
			}
		}
	}
}

func TestWhatIsNoNumberIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	de, err := ParseCountry("DE")
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{"", "Acme", "+", "+0123456789", "+999123456789", "+49", "+4917012345678901", "0123", "00", "0000000000", "+1234", "0999999999999999999", "12 34 x5678901"} {
		got, err := de.Normal(in)
		if in == "0123" || in == "00" {
			if err != nil || got != in { // a short code may begin with 0
				t.Errorf("%q: %q, %v", in, got, err)
			}
			continue
		}
		var wrong *Error
		if !errors.As(err, &wrong) || wrong.Remedy == "" || len(in) > 6 && strings.Contains(err.Error(), in[1:]) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, code := range []string{"", "D", "XX", "Germany", "001"} {
		if _, err := ParseCountry(code); err == nil {
			t.Errorf("%q is a country", code)
		}
	}
	if de.Code() != 49 {
		t.Errorf("the code is %d", de.Code())
	}
}

func FuzzNormal(f *testing.F) {
	f.Add("01701234567")
	f.Add("+49 (0) 170")
	f.Add("00.00")
	us, err := ParseCountry("US")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := us.Normal(s)
		if err != nil {
			return
		}
		if again, err := us.Normal(n); err != nil || again != n {
			t.Fatalf("%q is %q is %q, %v", s, n, again, err)
		}
		if strings.Trim(strings.TrimPrefix(n, "+"), "0123456789") != "" || len(n) > maxDigits+1 {
			t.Fatalf("%q is %q", s, n)
		}
	})
}

func BenchmarkNormal(b *testing.B) {
	de, err := ParseCountry("DE")
	if err != nil {
		b.Fatal(err)
	}
	for name, in := range map[string]string{"international": "+491701234567", "national": "01701234567"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := de.Normal(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
