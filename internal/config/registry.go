package config

import "net/url"

// Registry is the schema registry.
type Registry struct {
	URLs     []string `env:"URL" type:"url, or list of urls" desc:"Confluent-compatible schema registry; several are tried in turn"`
	Username string   `env:"USERNAME" desc:"basic authentication at the schema registry"`
	Password Secret   `env:"PASSWORD" secret:"true" desc:"password that goes with SCHEMA_REGISTRY_USERNAME; a file is read again at each request"`
	CAFile   string   `env:"CA_FILE" type:"path" desc:"authorities trusted for the schema registry, PEM; the system's when not set"`
	CertFile string   `env:"CERT_FILE" type:"path" desc:"client certificate for the schema registry, PEM"`
	KeyFile  string   `env:"KEY_FILE" type:"path" desc:"key of SCHEMA_REGISTRY_CERT_FILE, PEM"`
	Register bool     `env:"REGISTER" envDefault:"false" desc:"register the schemas of the topics written; otherwise they must be there"`
}

// TLS is how it is reached, for URLs that begin with https.
func (r *Registry) TLS() TLS {
	return TLS{Enabled: r.CAFile != "" || r.CertFile != "", CAFile: r.CAFile, CertFile: r.CertFile, KeyFile: r.KeyFile}
}

func (l *loader) checkRegistry(c *Config) {
	const p = "SCHEMA_REGISTRY_"
	r := &c.Registry
	if !l.fine(p + "URL") {
		return
	}
	if len(r.URLs) == 0 {
		for _, name := range []string{"USERNAME", "PASSWORD", "CA_FILE", "CERT_FILE", "KEY_FILE", "REGISTER"} {
			if l.set(p + name) {
				l.fault(p+name, "has no effect without SCHEMA_REGISTRY_URL: set that, or leave it out")
			}
		}
		if l.fine("FORMAT") && c.Format != FormatJSON {
			l.fault("FORMAT", "needs a schema registry: set SCHEMA_REGISTRY_URL, or FORMAT=json")
		}
		return
	}
	for _, address := range r.URLs {
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			l.fault(p+"URL", "must be http or https URLs")
			return
		case u.User != nil:
			l.fault(p+"URL", "must be without user and password: give them as SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD")
			return
		}
	}
	password := l.set(p+"PASSWORD") || !l.fine(p+"PASSWORD")
	if l.set(p+"USERNAME") && !password {
		l.fault(p+"PASSWORD", "missing: SCHEMA_REGISTRY_USERNAME is set, and basic authentication needs both")
	}
	if password && !l.set(p+"USERNAME") {
		l.fault(p+"USERNAME", "missing: SCHEMA_REGISTRY_PASSWORD is set, and basic authentication needs both")
	}
	if (r.CertFile == "") != (r.KeyFile == "") {
		l.fault(p+"CERT_FILE", "goes with SCHEMA_REGISTRY_KEY_FILE: give both or neither")
		return
	}
	if _, err := r.TLS().Config(); err != nil {
		e := err.(*TLSError)
		l.fault(p+e.Field, e.Err.Error())
	}
}
