package resolve

import (
	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/profile"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// habits are the profiles of the SMSCs by name. What came from one that is not configured any more is read by the standard.
type habits map[string]*profile.Profile

func habitsOf(c *config.Config) habits {
	h := make(habits, len(c.SMSCs))
	for i := range c.SMSCs {
		if p := c.SMSCs[i].Habits; p != nil {
			h[c.SMSCs[i].Name] = p
		}
	}
	return h
}

func (h habits) grammar(smsc string) *sms.Grammar {
	if p := h[smsc]; p != nil {
		return p.Receipts
	}
	return nil
}

func (h habits) codings(smsc string) *sms.Codings {
	if p := h[smsc]; p != nil {
		return p.Codings
	}
	return nil
}
