// Speed runs all benchmarks that the project is measured by and prints what is wanted, what was, and what is:
//
//	go run ./internal/e2e/speed
//
// It takes a quarter of an hour and wants the machine for itself. -save FILE keeps the benchmarks' own output, -from FILE makes the table of
// such a file. With -save internal/e2e/speed/testdata/measured.txt, and go test ./internal/e2e/speed -write after it, the table is
// that of internal/SPEED.md.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// step is one command of the measurement.
type step struct {
	env  []string
	args string // of go
}

const (
	e2e = "test ./internal/e2e -run ^$ -benchtime 1x -timeout 30m -bench "

	// What is counted exactly or lasts seconds is measured once, what differs from run to run three times.
	growthRuns = "3"
)

var steps = []step{
	{args: "test ./internal/smpp/wire -run ^$ -bench . -benchmem"},
	{args: "test ./internal/smpp -run ^$ -bench Session -benchmem"},
	{args: e2e + "Sink -records 600000"},
	{args: e2e + "Source"},
	{args: e2e + "Resolver"},
	{env: []string{"CGO_ENABLED=0"}, args: "test ./internal/resolve/engine -run ^$ -bench Outstanding -benchtime 1x -outstanding 10000000 -joined 500000 -timeout 20m"},
	{args: e2e + "Growth -records 600000 -count " + growthRuns},
	{args: e2e + "Rest|Start"},
}

func main() {
	save := flag.String("save", "", "keep the benchmarks' output in `file`")
	from := flag.String("from", "", "measure nothing; the benchmarks' output is in `file`")
	flag.Parse()
	if err := run(*save, *from); err != nil {
		fmt.Fprintln(os.Stderr, "speed:", err)
		os.Exit(1)
	}
}

func run(save, from string) error {
	if from != "" {
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		fmt.Print(table(parse(bytes.NewReader(b))))
		return nil
	}
	var all bytes.Buffer
	for _, s := range steps {
		if err := s.run(&all); err != nil {
			return err
		}
	}
	if err := image(&all); err != nil {
		return err
	}
	if save != "" {
		if err := os.WriteFile(save, all.Bytes(), 0o644); err != nil {
			return err
		}
	}
	fmt.Print(table(parse(&all)))
	return nil
}

// run runs a step. Its lines go to stderr as they come, and those of benchmarks to out.
func (s *step) run(out *bytes.Buffer) error {
	fmt.Fprintln(os.Stderr, strings.Join(append(s.env, "go", s.args), " "))
	cmd := exec.Command("go", strings.Fields(s.args)...)
	cmd.Env, cmd.Stderr = append(os.Environ(), s.env...), os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		fmt.Fprintln(os.Stderr, lines.Text())
		if strings.HasPrefix(lines.Text(), "Benchmark") {
			fmt.Fprintln(out, lines.Text())
		}
	}
	if err := cmp.Or(lines.Err(), cmd.Wait()); err != nil {
		return fmt.Errorf("go %s: %w", s.args, err)
	}
	return nil
}

// image adds what the Dockerfile's image holds: the binary alone, compressed as a registry keeps it.
func image(out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "speed")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "smpp-connector")
	cmd := exec.Command("go", "build", "-tags", "grpcnotrace", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./connector")
	cmd.Env, cmd.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v: %w", cmd.Args, err)
	}
	b, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	var compressed bytes.Buffer
	z := gzip.NewWriter(&compressed)
	if _, err := z.Write(b); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "BenchmarkImage 1 %.1f image-MB %.1f binary-MB\n", float64(compressed.Len())/1e6, float64(len(b))/1e6)
	return err
}
