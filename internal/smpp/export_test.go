package smpp

// OutbindAddr is where a started account listens: with port 0 in Outbind.Listen nobody else can have taken the port meanwhile.
func (a *Account) OutbindAddr() string { return a.outbind.ln.Addr().String() }
