package smsc

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Distribution is how a duration is drawn. The zero value is always zero.
type Distribution struct {
	kind     distKind
	from, to time.Duration // constant: from; exponential: from is the mean
}

type distKind uint8

const (
	distConstant distKind = iota
	distUniform
	distExponential
)

// Constant always draws d.
func Constant(d time.Duration) Distribution { return Distribution{distConstant, d, d} }

// Uniform draws evenly from a to b.
func Uniform(a, b time.Duration) Distribution { return Distribution{distUniform, a, b} }

// Exponential draws with the given mean, at most ten times it.
func Exponential(mean time.Duration) Distribution { return Distribution{distExponential, mean, mean} }

// ParseDistribution reads "20ms" (constant), "5ms-50ms" (uniform) or
// "exp:20ms" (exponential with that mean).
func ParseDistribution(s string) (Distribution, error) {
	wrong := func() (Distribution, error) {
		return Distribution{}, fmt.Errorf("%q is no distribution; write a duration (20ms), a range (5ms-50ms) or a mean (exp:20ms)", s)
	}
	if mean, ok := strings.CutPrefix(s, "exp:"); ok {
		d, err := time.ParseDuration(mean)
		if err != nil || d < 0 {
			return wrong()
		}
		return Exponential(d), nil
	}
	low, high, isRange := strings.Cut(s, "-")
	a, err := time.ParseDuration(low)
	if err != nil || a < 0 {
		return wrong()
	}
	if !isRange {
		return Constant(a), nil
	}
	b, err := time.ParseDuration(high)
	if err != nil || b < a {
		return wrong()
	}
	return Uniform(a, b), nil
}

// String writes the distribution as ParseDistribution reads it.
func (d Distribution) String() string {
	switch d.kind {
	case distUniform:
		return d.from.String() + "-" + d.to.String()
	case distExponential:
		return "exp:" + d.from.String()
	default:
		return d.from.String()
	}
}

func (d Distribution) draw(r *random) time.Duration {
	switch d.kind {
	case distUniform:
		return d.from + time.Duration(r.float()*float64(d.to-d.from))
	case distExponential:
		// 1-float lies in (0, 1], so the logarithm is finite.
		f := -math.Log(1 - r.float())
		return time.Duration(min(f, 10) * float64(d.from))
	default:
		return d.from
	}
}
