package config

// Capture is the record of what passes over an SMSC's connections, from the variables SMSC_<n>_CAPTURE_….
type Capture struct {
	File   string `env:"FILE" type:"path" desc:"pcap file of all PDUs, for Wireshark; none when not set, and passwords never"`
	Redact bool   `env:"REDACT" envDefault:"true" desc:"mask texts and numbers in the file, lengths kept"`
	MaxMB  int    `env:"MAX_MB" envDefault:"64" min:"1" max:"65536" desc:"most megabytes of the file and its predecessor (.1) together"`
}

// checkCaptures refuses a file that two SMSCs would write.
func (l *loader) checkCaptures(c *Config, numbers []int) {
	first := map[string]string{}
	for i, n := range numbers {
		name, file := smscPrefix(n)+"CAPTURE_FILE", c.SMSCs[i].Capture.File
		if file == "" {
			continue
		}
		if other, taken := first[file]; taken {
			l.fault(name, "is the file of "+other+" too: each SMSC needs one of its own")
			continue
		}
		first[file] = name
	}
}
