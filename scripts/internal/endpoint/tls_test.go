package endpoint

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
)

// settings are a caller's of TLS.
func (r *running) settings() *tls.Config {
	return r.http.Transport.(*http.Transport).TLSClientConfig.Clone()
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	for version, want := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		settings := r.settings()
		settings.MinVersion, settings.MaxVersion = version, version
		conn, err := tls.Dial("tcp", r.audience, settings)
		if err == nil {
			_ = conn.Close() // its handshake was all
		}
		// Else it would be the client that refuses.
		told := err != nil && strings.Contains(err.Error(), "remote error: tls: protocol version not supported")
		if want != (err == nil) || !want && !told {
			t.Errorf("the handshake of %s ends with %v", tls.VersionName(version), err)
		}
	}
}

// TestNoSessionOfTLSIsTakenUp: a ticket would be the key of a connection that is
// over, and a function that calls once has no use for it.
func TestNoSessionOfTLSIsTakenUp(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		settings := r.settings()
		settings.MinVersion, settings.MaxVersion = version, version
		settings.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for range 2 {
			conn, err := tls.Dial("tcp", r.audience, settings)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() }) // the endpoint may have been first
			if conn.ConnectionState().DidResume {
				t.Errorf("a session of %s was taken up", tls.VersionName(version))
			}
			if !open(t, conn) { // TLS 1.3 hands tickets out in front of the first answer
				t.Errorf("over %s nothing is answered", tls.VersionName(version))
			}
		}
	}
}
