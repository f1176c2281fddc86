package npmpeer

import (
	"bufio"
	"bytes"
	_ "embed" // the script
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

//go:embed server/codec.js
var codecJS []byte

// Fields are those of a PDU by the names that the npm package gives them, those of the specification. A value is an int64 or
// a []byte, a C-octet string's without its NUL.
type Fields map[string]any

// Codec is the PDU codec of the npm package, in a process of its own. It is for one goroutine at a time.
type Codec struct {
	input io.Writer
	lines *bufio.Reader
}

// StartCodec runs a codec until the end of the test; without Node it ends the test as Start does.
func StartCodec(t testing.TB) *Codec {
	t.Helper()
	script := filepath.Join(t.TempDir(), "codec.js")
	if err := os.WriteFile(script, codecJS, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := Node(t, script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // the sign to end
		kill := time.AfterFunc(stopWithin, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the codec ended badly: %v\n%s", err, stderr.Bytes())
		}
	})
	return &Codec{input: stdin, lines: bufio.NewReader(stdout)}
}

// Decode reads a whole PDU.
func (c *Codec) Decode(pdu []byte) (command string, f Fields, err error) {
	var reply struct{ Fields map[string]any }
	if err := c.do(map[string]any{"pdu": hex.EncodeToString(pdu)}, &reply); err != nil {
		return "", nil, err
	}
	f = Fields{}
	for key, v := range reply.Fields {
		switch v := v.(type) {
		case float64:
			f[key] = int64(v)
		case string:
			if key == "command" {
				command = v
				continue
			}
			b, err := hex.DecodeString(v)
			if err != nil {
				return "", nil, err
			}
			f[key] = b
		default:
			return "", nil, fmt.Errorf("npmpeer: %s is a %T", key, v)
		}
	}
	return command, f, nil
}

// Encode writes a whole PDU. What is not given is what the package has for it.
func (c *Codec) Encode(command string, f Fields) ([]byte, error) {
	fields := map[string]any{}
	for key, v := range f {
		if b, ok := v.([]byte); ok {
			v = hex.EncodeToString(b)
		}
		fields[key] = v
	}
	var reply struct{ PDU string }
	if err := c.do(map[string]any{"command": command, "fields": fields}, &reply); err != nil {
		return nil, err
	}
	return hex.DecodeString(reply.PDU)
}

func (c *Codec) do(request, reply any) error {
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := c.input.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("npmpeer: %w", err)
	}
	if line, err = c.lines.ReadBytes('\n'); err != nil {
		return fmt.Errorf("npmpeer: %w", err)
	}
	var failed struct{ Error string }
	if err := json.Unmarshal(line, &failed); err != nil {
		return fmt.Errorf("npmpeer printed %q: %w", line, err)
	}
	if failed.Error != "" {
		return errors.New(failed.Error)
	}
	return json.Unmarshal(line, reply)
}
