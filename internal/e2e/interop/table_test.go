package interop

import "testing"

// TestInteroperability is the table of internal/INTEROP.md. A row whose peer cannot be had here is left out with the
// reason, or fails where SMPP_TEST_REQUIRE names it: node, java, python, kannel.
func TestInteroperability(t *testing.T) {
	for _, row := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"connector to npm smpp 0.5.1", func(t *testing.T) { fromConnector(t, startNPM) }},
		{"connector to jSMPP 3.0.2", func(t *testing.T) {
			fromConnector(t, func(t *testing.T) server { return javaPeer(t, "JsmppServer") })
		}},
		{"connector to Cloudhopper ch-smpp 5.0.9", func(t *testing.T) {
			fromConnector(t, func(t *testing.T) server { return javaPeer(t, "CloudhopperServer") })
		}},
		{"connector to Jasmin's smpp.twisted3 0.8", func(t *testing.T) {
			fromConnector(t, func(t *testing.T) server { return pythonPeer(t, "jasmin_server.py", longMessages...) })
		}},
		{"jSMPP 3.0.2 to simulator", func(t *testing.T) {
			toSimulator(t, "hex", messagesOf(asciiText, wideText), func(t *testing.T, port string) *peer { return javaPeer(t, "JsmppClient", port) })
		}},
		{"Cloudhopper ch-smpp 5.0.9 to simulator", func(t *testing.T) {
			toSimulator(t, "decimal", messagesOf(longText, wideText), func(t *testing.T, port string) *peer { return javaPeer(t, "CloudhopperClient", port) })
		}},
		{"smpplib 2.2.4 to simulator", func(t *testing.T) {
			toSimulator(t, "uuid", messagesOf(longText, wideText), func(t *testing.T, port string) *peer { return pythonPeer(t, "smpplib_client.py", port) })
		}},
		{"Kannel 1.4.5 to simulator", kannelToSimulator},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.run(t)
		})
	}
}
