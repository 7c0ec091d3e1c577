package endpoint

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestTheQuestionWhoSignedHasATimeOfItsOwn: STS may take a part of the request's
// clock, and to wait for its turn to be asked is in that part. Otherwise an STS that
// hangs would hold each of the places for the whole of it.
func TestTheQuestionWhoSignedHasATimeOfItsOwn(t *testing.T) {
	t.Parallel()
	const question = time.Second
	r, _ := startScripted(t, scripted{identify: slow("")}, nil, func(o *options) {
		o.limits.identity, o.limits.identityCalls, o.limits.request = question, 1, 8*question
	})
	began := time.Now()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { r.expect(t, r.newCall(somebody, "Create", nil), stsUnavailable) })
	}
	all.Wait()
	if took := time.Since(began); took < question || took > question*5/2 { // one after another it would be three
		t.Errorf("the answers took %v of %v", took, question)
	}
}

// hesitant is a caller's connection that makes a pause behind its first bytes.
type hesitant struct {
	net.Conn
	pause time.Duration
	begun bool
}

func (h *hesitant) Write(b []byte) (int, error) {
	if h.begun {
		return h.Conn.Write(b)
	}
	h.begun = true
	const first = len("POST /v1")
	if n, err := h.Conn.Write(b[:first]); err != nil {
		return n, err
	}
	<-time.After(h.pause)
	n, err := h.Conn.Write(b[first:])
	return first + n, err
}

// TestTheClockBeginsWithTheFirstByte: the function's own clock of ten seconds does,
// so a network that is slow with the headers must not move the answer behind it.
func TestTheClockBeginsWithTheFirstByte(t *testing.T) {
	t.Parallel()
	const clock, pause = 2 * time.Second, 1500 * time.Millisecond
	r, _ := startScripted(t, scripted{identify: slow("")}, nil, func(o *options) { o.limits.request = clock })
	began := time.Now()
	conn := &hesitant{Conn: r.dial(t), pause: pause}
	r.http.Transport.(*http.Transport).DialTLSContext = func(context.Context, string, string) (net.Conn, error) {
		return conn, nil
	}
	r.expect(t, r.newCall(somebody, "Create", nil), stsUnavailable)
	if took := time.Since(began); took < pause || took > clock+pause/2 { // by the handler's clock it would be the sum
		t.Errorf("the answer took %v, want %v", took, clock)
	}
}
