package main

import (
	"bufio"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// measured is what benchmarks have reported: by name and unit, one value of each run.
type measured map[string]map[string][]float64

// cpus is what go test appends to a name: on how many CPUs it ran.
var cpus = regexp.MustCompile(`-\d+$`)

// parse reads the lines of benchmarks (https://go.dev/design/14313-benchmark-format) and leaves out all others.
func parse(r io.Reader) measured {
	m := make(measured)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(cpus.ReplaceAllString(fields[0], ""), "Benchmark")
		if m[name] == nil {
			m[name] = make(map[string][]float64)
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				m[name][fields[i+1]] = append(m[name][fields[i+1]], v)
			}
		}
	}
	return m
}

// of is the median of a benchmark's runs; NaN: it did not run.
func (m measured) of(name, unit string) float64 {
	vs := slices.Sorted(slices.Values(m[name][unit]))
	if len(vs) == 0 {
		return math.NaN()
	}
	return vs[len(vs)/2]
}

// most is the largest of some benchmarks' values; NaN: none ran, or one of them has not reported it.
func (m measured) most(names, unit string) float64 {
	re, most := regexp.MustCompile(names), math.Inf(-1)
	for name := range m {
		if re.MatchString(name) {
			most = max(most, m.of(name, unit)) // NaN stays NaN
		}
	}
	if math.IsInf(most, -1) {
		return math.NaN()
	}
	return most
}

// leastRatio is by how much ours is faster than gosmpp's where that is least.
func (m measured) leastRatio(names, ours, theirs, unit string) float64 {
	re, least := regexp.MustCompile(names), math.NaN()
	for name := range m {
		if base, ok := strings.CutSuffix(name, ours); ok && re.MatchString(name) {
			if r := m.of(base+theirs, unit) / m.of(name, unit); math.IsNaN(least) || r < least {
				least = r
			}
		}
	}
	return least
}
