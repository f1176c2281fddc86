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
	content, err := readFile(path, maxSecret)
	if err == nil && len(content) == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	if err != nil {
		l.fault(file, "the secret cannot be read: "+err.Error())
		l.wrong[name] = true
		return
	}
	secret := string(content)
	if cut, ok := strings.CutSuffix(secret, "\n"); ok {
		secret = strings.TrimSuffix(cut, "\r")
	}
	l.given[name] = secret
}

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
