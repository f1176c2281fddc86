package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// fileSuffix makes of a secret's name the variable that names its file.
const fileSuffix = "_FILE"

// maxSecret bounds what is read of a secret's file.
const maxSecret = 64 << 10

// readSecret fetches a secret from its file, when it was given so. env's own ",file" would not do: it takes the path from the variable
// itself, and keeps the newline that every editor leaves at the end.
func (l *loader) readSecret(name string) {
	file := name + fileSuffix
	path := l.given[file]
	if path == "" {
		return
	}
	if l.given[name] != "" {
		l.fault(file, "given twice: "+name+" is set too; leave one of them out")
		l.wrong[name] = true
		return
	}
	secret, err := secretIn(path)
	if err != nil {
		l.fault(file, "the secret cannot be read: "+err.Error())
		l.wrong[name] = true
		return
	}
	l.given[name] = secret
}

// secretIn reads a file that holds a secret, without the newline at its end.
func secretIn(path string) (string, error) {
	content, err := readFile(path, maxSecret)
	if err == nil && len(content) == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	if err != nil {
		return "", err
	}
	secret := string(content)
	if cut, ok := strings.CutSuffix(secret, "\n"); ok {
		secret = strings.TrimSuffix(cut, "\r")
	}
	return secret, nil
}

// Secret is a secret that may change while the connector runs: one that was given as a file is read again whenever it
// is used, so that a rotated one counts from the next authentication on. It shows itself to nobody who prints it.
type Secret struct {
	value string // as it was at the start
	file  string // "" when it was given as it is
}

// SecretOf is a secret that does not change.
func SecretOf(value string) Secret { return Secret{value: value} }

// IsSet tells whether there is one.
func (s Secret) IsSet() bool { return s.value != "" }

// Get is the secret as it is now. While its file cannot be read, as when it is just being replaced, it is the one of the start.
func (s Secret) Get() string {
	if s.file != "" {
		if now, err := secretIn(s.file); err == nil {
			return now
		}
	}
	return s.value
}

// UnmarshalText is how env fills it.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}

// String hides it.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return hidden
}

// GoString hides it from %#v too.
func (s Secret) GoString() string { return s.String() }

// readFile reads a file that must not be larger than limit. It is for files that are named by the environment, which may name /dev/zero.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, inWords(path, err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, inWords(path, err)
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return content, nil
}

// inWords drops the system call from an error of the file system.
func inWords(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
