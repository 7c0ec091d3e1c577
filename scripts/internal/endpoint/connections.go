package endpoint

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// crowd is a listener that keeps so many connections and no more. When all are
// taken, the one that has waited longest without a whole request makes room; a
// whole request is never cut off.
type crowd struct {
	net.Listener

	most    int
	request time.Duration // how long one may take from its first byte

	mu      sync.Mutex
	room    *sync.Cond // somebody left, or waits
	open    int
	waiting *list.List // of connections without a whole request, the longest first
	stopped bool
}

// connection is one of a crowd.
type connection struct {
	net.Conn
	crowd *crowd

	// Of the crowd, under its lock.
	place  *list.Element // among those that wait, nil otherwise
	closed bool
	began  time.Time // when the first byte of this request came, zero before
}

func newCrowd(listener net.Listener, most int, request time.Duration) *crowd {
	c := &crowd{Listener: listener, most: most, request: request, waiting: list.New()}
	c.room = sync.NewCond(&c.mu)
	return c
}

// Accept hands on a connection when there is room for it.
func (c *crowd) Accept() (net.Conn, error) {
	accepted, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.open >= c.most && !c.stopped {
		if longest := c.waiting.Front(); longest != nil {
			_ = longest.Value.(*connection).leave() // its caller has nothing to lose
			continue
		}
		c.room.Wait()
	}
	if c.stopped {
		return nil, errors.Join(net.ErrClosed, accepted.Close())
	}
	joined := &connection{Conn: accepted, crowd: c}
	joined.place = c.waiting.PushBack(joined)
	c.open++
	return joined, nil
}

// stop takes nobody in any more, and ends what waits.
func (c *crowd) stop() error {
	err := c.Listener.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.room.Broadcast()
	for next := c.waiting.Front(); next != nil; next = c.waiting.Front() {
		_ = next.Value.(*connection).leave() // as above
	}
	return err
}

// leave closes the connection, under the crowd's lock.
func (c *connection) leave() error {
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	c.unlist()
	c.crowd.open--
	c.crowd.room.Signal()
	return c.Conn.Close()
}

func (c *connection) unlist() {
	if c.place != nil {
		c.crowd.waiting.Remove(c.place)
		c.place = nil
	}
}

// Close is net/http's.
func (c *connection) Close() error {
	c.crowd.mu.Lock()
	defer c.crowd.mu.Unlock()
	return c.leave()
}

// Read sees a request begin.
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.crowd.mu.Lock()
		defer c.crowd.mu.Unlock()
		if c.began.IsZero() {
			c.began = time.Now()
		}
	}
	return n, err
}

// SetReadDeadline is net/http's. No part of a request is waited for longer than all
// of it may take: handshake, headers and body have limits of their own, one after another.
func (c *connection) SetReadDeadline(t time.Time) error {
	c.crowd.mu.Lock()
	defer c.crowd.mu.Unlock()
	if end := c.began.Add(c.crowd.request); !c.began.IsZero() && t.After(end) {
		t = end
	}
	return c.Conn.SetReadDeadline(t)
}

// end is when the request's time is over. It counts from the request's first byte, of
// the first one on a connection from that of the handshake.
func (c *connection) end() time.Time {
	c.crowd.mu.Lock()
	defer c.crowd.mu.Unlock()
	if c.began.IsZero() { // it came along with the one before
		c.began = time.Now()
	}
	return c.began.Add(c.crowd.request)
}

// whole says that the request has come to its end: nobody cuts it off any more.
func (c *connection) whole() {
	c.crowd.mu.Lock()
	defer c.crowd.mu.Unlock()
	c.unlist()
}

// idle says that the answer is given, and the next request is waited for.
func (c *connection) idle() {
	c.crowd.mu.Lock()
	defer c.crowd.mu.Unlock()
	if c.began = (time.Time{}); c.place == nil && !c.closed {
		c.place = c.crowd.waiting.PushBack(c)
		c.crowd.room.Signal()
	}
}

type connectionKey struct{}

// watch lets a server tell its crowd what becomes of the connections.
func watch(server *http.Server) {
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, inner(conn))
	}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateIdle {
			inner(conn).idle()
		}
	}
}

// inner is the connection that TLS is spoken on.
func inner(conn net.Conn) *connection { return conn.(*tls.Conn).NetConn().(*connection) }

// connectionOf is the connection that a request came on.
func connectionOf(r *http.Request) *connection {
	return r.Context().Value(connectionKey{}).(*connection)
}
