// Package kubernetes holds no code: manifests, and the tests that they agree with the binary.
package kubernetes
