package profile

import (
	"strconv"

	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// codings reads what data_coding means; nil: what the standard does.
func (c *compiler) codings(f *file) *sms.Codings {
	d := f.DataCoding
	read, write := map[byte]sms.Encoding{}, map[sms.Encoding]byte{}
	encoding := func(name string, path ...string) sms.Encoding {
		enc, ok := sms.ParseEncoding(name)
		if !ok || enc == sms.Auto {
			c.fault("is no encoding: use gsm7, gsm7-packed, ascii, latin1, cyrillic, hebrew, ucs2 or binary", path...)
		}
		return enc
	}
	if d.Default != "" && d.Default != sms.GSM7.String() {
		read[0] = encoding(d.Default, "data_coding", "default")
	}
	for key, name := range d.Read {
		n, err := strconv.ParseUint(key, 0, 8)
		if err != nil {
			c.fault("is a wrong key: must be a data_coding from 0 to 255", "data_coding", "read", key)
			continue
		}
		if n == 0 {
			c.fault("what data_coding 0 means is told by default", "data_coding", "read", key)
			continue
		}
		read[byte(n)] = encoding(name, "data_coding", "read", key)
	}
	for name, n := range d.Write {
		write[encoding(name, "data_coding", "write", name)] = byte(n)
	}
	refused := make([]sms.Encoding, len(d.Refused))
	for i, name := range d.Refused {
		refused[i] = encoding(name, "data_coding", "refused", strconv.Itoa(i))
	}
	if len(c.faults) > 0 || len(read)+len(write)+len(refused) == 0 {
		return nil
	}
	codings, err := sms.NewCodings(read, write, refused)
	if err != nil {
		c.fault(err.Error(), "data_coding")
	}
	return codings
}
