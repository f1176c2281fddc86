// Package breaks shows that the tests of the promises can fail: it breaks the code on purpose, one break at a time, and demands that the
// scenario which must catch it does, and says so in the right words.
//
//	go test ./internal/e2e/breaks                                  every break still applies and builds; the quick ones are caught
//	go test ./internal/e2e/breaks -all -v -timeout 3h              every break is caught, and nothing is where none is
//	go test ./internal/e2e/breaks -all -v -run '/sends_before'     one of them
//	go test ./internal/e2e/breaks -run Page -write                 writes the list into internal/PROMISES.md
//
// The tree stays as it is: the broken files lie in a temporary folder, and the go command takes them in the place of the
// real ones (-overlay).
//
// The package has tests only. They import the standard library alone, and run all else with the go command.
package breaks
