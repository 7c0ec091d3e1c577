package endpoint

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// throttle lets a number of requests through in each second of the clock. The
// zero number lets all through.
type throttle struct {
	perSecond int

	mu     sync.Mutex
	second int64
	count  int
}

func (t *throttle) allows(now time.Time) bool {
	if t.perSecond == 0 {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Unix() != t.second {
		t.second, t.count = now.Unix(), 0
	}
	t.count++
	return t.count <= t.perSecond
}

// early plays AWS's eventual consistency: a role is too new for a while after it
// was first named.
type early struct {
	lasts time.Duration

	mu    sync.Mutex
	first map[string]time.Time
}

// names tells whether the role is too new still.
func (e *early) names(roleArn string, now time.Time) bool {
	if e.lasts == 0 {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.first[roleArn]; !known {
		e.first[roleArn] = now
	}
	return now.Sub(e.first[roleArn]) < e.lasts
}

// hangUp says nothing until the caller goes or the endpoint stops, and then
// breaks the connection.
func (e *endpoint) hangUp(w http.ResponseWriter, r *http.Request) {
	patient := http.NewResponseController(w)
	_ = patient.SetReadDeadline(time.Time{})  // a server that cannot lift its own limits
	_ = patient.SetWriteDeadline(time.Time{}) // hangs up sooner, which is as good
	// Only behind a body net/http sees that the caller goes, and before it only we do.
	if _, err := io.Copy(io.Discard, r.Body); err == nil {
		connectionOf(r).whole()
		select {
		case <-r.Context().Done():
		case <-e.stopping:
		}
	}
	panic(http.ErrAbortHandler)
}
