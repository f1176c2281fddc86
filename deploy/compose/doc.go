// Package compose holds no code: a Compose file, and the tests that its parts find each other.
//
// They have no container engine. What can run without one runs as the file says: the broker by the code that its image sets it up with, the registry, the
// simulator, the connector and Prometheus, each with the command, environment and files of its service, under addresses of 127.0.0.1. The tests may import
// config, foreign and kafkatest.
package compose
