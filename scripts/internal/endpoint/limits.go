package endpoint

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits are what nobody may wear down.
type limits struct {
	// How long a request has from its first byte, the question who signed it, its
	// body, a connection without a request, and an event whose database somebody
	// else holds.
	request, identity, body, idle, writer time.Duration
	// How many questions are under way at a time.
	identityCalls, roleCalls, roleCallsOfAccount int
	// How many rows an account has, events a row, and names an account of roles that
	// were ever opened; IAM lets it have no more roles at a time.
	rows, history, opened int
}

var theLimits = limits{
	request:  9*time.Second - 500*time.Millisecond, // the rest is for the answer to travel
	identity: 5 * time.Second,
	body:     5 * time.Second,
	idle:     5 * time.Second,
	writer:   2 * time.Second,

	identityCalls: 256, roleCalls: 256, roleCallsOfAccount: 64,
	rows: 1000, history: 50, opened: 5000,
}

// gate lets so many in at a time, and so many of one account. The others wait.
type gate struct {
	slots     chan struct{}
	ofAccount int

	mu       sync.Mutex
	accounts map[string]*share
}

// share is an account's part of a gate, while somebody is there.
type share struct {
	slots chan struct{}
	users int
}

func newGate(most, ofAccount int) *gate {
	return &gate{slots: make(chan struct{}, most), ofAccount: ofAccount, accounts: map[string]*share{}}
}

// enter waits for a place and returns how to leave it.
func (g *gate) enter(ctx context.Context, account string) (leave func(), err error) {
	part := g.join(account)
	if err := take(ctx, part.slots); err != nil {
		g.part(account)
		return nil, err
	}
	if err := take(ctx, g.slots); err != nil {
		<-part.slots
		g.part(account)
		return nil, err
	}
	return func() {
		<-g.slots
		<-part.slots
		g.part(account)
	}, nil
}

func take(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) join(account string) *share {
	g.mu.Lock()
	defer g.mu.Unlock()
	part := g.accounts[account]
	if part == nil {
		part = &share{slots: make(chan struct{}, g.ofAccount)}
		g.accounts[account] = part
	}
	part.users++
	return part
}

func (g *gate) part(account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.accounts[account].users--; g.accounts[account].users == 0 {
		delete(g.accounts, account)
	}
}

// burstSeconds is how long an account can save up what it may send.
const burstSeconds = 10

// buckets count what each account sends. Zero a second is no limit.
type buckets struct {
	perSecond int

	mu       sync.Mutex
	accounts map[string]*rate.Limiter
	swept    time.Time
}

func newBuckets(perSecond int) *buckets {
	return &buckets{perSecond: perSecond, accounts: map[string]*rate.Limiter{}}
}

func (b *buckets) allow(account string, now time.Time) bool {
	if b.perSecond == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	bucket := b.accounts[account]
	if bucket == nil {
		bucket = rate.NewLimiter(rate.Limit(b.perSecond), b.perSecond*burstSeconds)
		b.accounts[account] = bucket
	}
	return bucket.AllowN(now, 1)
}

// sweep forgets the accounts whose buckets are full again.
func (b *buckets) sweep(now time.Time) {
	if now.Sub(b.swept) < burstSeconds*time.Second {
		return
	}
	b.swept = now
	for account, bucket := range b.accounts {
		if bucket.TokensAt(now) >= float64(bucket.Burst()) {
			delete(b.accounts, account)
		}
	}
}
