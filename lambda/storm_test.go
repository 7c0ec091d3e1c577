package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var fullStorm = flag.Bool("storm.full", false, "let 10,000 accounts register, and print each outcome as JSON")

// storm is many accounts that register at one throttled endpoint, in virtual time.
type storm struct {
	name   string
	over   time.Duration // the accounts arrive within
	told   bool          // Retry-After tells each caller its place in the queue
	outage time.Duration // five minutes begin after this, unless zero
	most   float64       // requests that an account may need; no such bar where it is zero
	full   bool          // only with -storm.full

	// What the endpoint takes: so much a second that all accounts take 200 s, as 10,000 do at 50 a second, and so many
	// at once.
	accounts int
	rate     float64
	burst    int
}

const (
	deadline    = 600 * time.Second // of the template's function
	outageLasts = 5 * time.Minute
	travel      = 50 * time.Millisecond  // to the endpoint
	verifying   = 250 * time.Millisecond // of a registration that was let in
)

func TestStorm(t *testing.T) {
	setCredentials(t)

	for _, s := range []storm{
		{name: "over two minutes", over: 2 * time.Minute, most: 8},
		{name: "over two minutes, queue told", over: 2 * time.Minute, told: true, most: 3},
		{name: "over two minutes, outage", over: 2 * time.Minute, outage: time.Minute, full: true},
		{name: "all at once", full: true},
		{name: "all at once, queue told", told: true, most: 3},
		{name: "over an hour", over: time.Hour, most: 3},
		{name: "over an hour, outage", over: time.Hour, outage: 1650 * time.Second},
	} {
		if s.full && !*fullStorm {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			// Few callers miss more of what they may take by chance than many do, so their bursts may be longer.
			s.accounts, s.burst = 500, 20
			if *fullStorm {
				s.accounts, s.burst = 10_000, 100
			}
			s.rate = float64(s.accounts) / 200
			var o outcome
			synctest.Test(t, func(t *testing.T) { o = s.run(t) })
			if *fullStorm {
				if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("registered %d, failed %d, %.2f requests an account, %.1f s, ideal %.1f s, longest wait %.1f s",
				o.Registered, o.Failed, o.Requests, o.Seconds, o.Ideal, o.LongestWait)
			if o.Failed > 0 {
				t.Errorf("%d accounts failed", o.Failed)
			}
			if o.Seconds > 1.2*o.Ideal {
				t.Errorf("done after %.1f s, the ideal is %.1f s", o.Seconds, o.Ideal)
			}
			if s.most > 0 && o.Requests > s.most {
				t.Errorf("%.2f requests an account", o.Requests)
			}
		})
	}
}

// outcome is what is told about a storm, and read by scripts/storm.
type outcome struct {
	Storm                        string
	Accounts, Registered, Failed int
	Requests                     float64 // an account
	Seconds                      float64 // until the last registration was answered
	LongestWait                  float64 // of a customer, in seconds
	Ideal                        float64 // Seconds of a queue that the endpoint works off without a pause
	Step                         float64 // of the curves, in seconds
	Curve, IdealCurve            []int   // how many are registered
}

func (s storm) run(t *testing.T) outcome {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same storm each time
	arrivals := make([]time.Duration, s.accounts)
	for i := range arrivals {
		arrivals[i] = time.Duration(random.Float64() * float64(s.over))
	}
	slices.Sort(arrivals)
	e := &throttled{
		storm: s, last: -time.Hour, random: random, start: time.Now(),
		taken: make(map[string]string), places: make(map[string]time.Duration),
		answers: make([]answer, s.accounts), answered: make([]time.Duration, s.accounts),
	}
	var all sync.WaitGroup
	for i, arrival := range arrivals {
		all.Go(func() {
			time.Sleep(arrival)
			s.register(t, i, e)
		})
	}
	all.Wait()
	return s.tell(t, e, arrivals)
}

// register is a Create of account i, from CloudFormation to the invocation that answers it, or to its one repetition.
func (s storm) register(t *testing.T, i int, e *throttled) {
	event := fmt.Appendf(nil, `{"RequestType":"Create","RequestId":"r","LogicalResourceId":"Registration",
		"StackId":"arn:aws:cloudformation:eu-west-1:%012d:stack/s/5d1d3c60-c92a-11f0-9f4d-0a1b2c3d4e5f",
		"ResponseURL":"https://answer.test/%[1]d?X-Amz-Date=%s&X-Amz-Expires=7200",
		"ResourceProperties":{"ServiceTimeout":"630","ExternalId":"external-id",
			"RoleArn":"arn:aws:iam::%012[1]d:role/doit/s-SupportRole-1"}}`,
		i, time.Now().UTC().Format("20060102T150405Z"))
	f := newFunction("https://endpoint.test/v1/registrations", newLogger(io.Discard, "FATAL"))
	f.transport = e
	for range 2 {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		_, err := f.Invoke(ctx, event)
		if ctx.Err() != nil {
			t.Errorf("account %d: Lambda ended the invocation", i)
		}
		if cancel(); err == nil {
			return
		}
		time.Sleep(time.Minute) // Lambda's delay before it delivers an event again
	}
}

// tell sums up, and checks that each account was answered, and truly.
func (s storm) tell(t *testing.T, e *throttled, arrivals []time.Duration) outcome {
	o := outcome{Storm: s.name, Accounts: s.accounts, Requests: float64(e.requests) / float64(s.accounts)}
	keys := make(map[string]int)
	for _, account := range e.taken {
		keys[account]++
	}
	var registered []time.Duration
	for i, a := range e.answers {
		o.LongestWait = max(o.LongestWait, (e.answered[i] - arrivals[i]).Seconds())
		switch {
		case a.Status == "SUCCESS":
			registered = append(registered, e.answered[i])
			if n := keys[fmt.Sprintf("%012d", i)]; n != 1 {
				t.Errorf("account %d was told that it is registered, and is so %d times", i, n)
			}
		case a.Status != "FAILED" || !strings.HasPrefix(a.Reason, "registration endpoint: "):
			t.Errorf("account %d was not told what failed: %+v", i, a)
		}
	}
	ideal := s.ideal(arrivals)
	slices.Sort(registered)
	o.Registered, o.Failed = len(registered), s.accounts-len(registered)
	o.Seconds, o.Ideal = registered[len(registered)-1].Seconds(), ideal[len(ideal)-1].Seconds()
	const steps = 120
	o.Step = max(o.Seconds, o.Ideal) / steps
	o.Curve, o.IdealCurve = make([]int, steps+1), make([]int, steps+1)
	for i := range steps + 1 {
		at := time.Duration((float64(i)*o.Step + 0.001) * float64(time.Second))
		o.Curve[i], _ = slices.BinarySearch(registered, at)
		o.IdealCurve[i], _ = slices.BinarySearch(ideal, at)
	}
	return o
}

// ideal is when the accounts would be registered if they stood in a queue.
func (s storm) ideal(arrivals []time.Duration) (registered []time.Duration) {
	var now time.Duration
	for _, arrival := range arrivals {
		now = max(now, arrival)
		if s.outage > 0 && now >= s.outage && now < s.outage+outageLasts {
			now = s.outage + outageLasts
		}
		registered = append(registered, now)
		now += time.Duration(float64(time.Second) / s.rate)
	}
	return registered
}

// throttled is the model of the endpoint, and CloudFormation beside it. One
// answer in a hundred is lost on its way back.
type throttled struct {
	storm
	mu       sync.Mutex
	random   *rand.Rand
	start    time.Time
	requests int
	places   map[string]time.Duration // in the queue, by Idempotency-Key
	last     time.Duration            // place that was taken
	taken    map[string]string        // accounts, by Idempotency-Key
	answers  []answer
	answered []time.Duration
}

func (e *throttled) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if err := pause(req.Context(), travel); err != nil {
		return nil, err
	}
	e.mu.Lock()
	status, retryAfter, detail := e.take(req, body)
	lost := status == http.StatusOK && e.random.IntN(100) == 0
	e.mu.Unlock()
	if status == http.StatusOK {
		err = pause(req.Context(), verifying)
	}
	if lost {
		err = errors.New("connection reset by peer")
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}},
		Body: io.NopCloser(strings.NewReader(`{"detail":"` + detail + `"}`))}, err
}

func (e *throttled) take(req *http.Request, body []byte) (status int, retryAfter, detail string) {
	since := time.Since(e.start)
	if req.URL.Host == "answer.test" {
		i, _ := strconv.Atoi(strings.TrimPrefix(req.URL.Path, "/"))
		if e.answered[i] == 0 { // a repeated answer changes nothing
			_ = json.Unmarshal(body, &e.answers[i]) // what cannot be read is an answer without a status
			e.answered[i] = since
		}
		return http.StatusOK, "", ""
	}
	e.requests++
	key := req.Header.Get("Idempotency-Key")
	if e.outage > 0 && since >= e.outage && since < e.outage+outageLasts {
		return http.StatusServiceUnavailable, "", "the database is down"
	}
	if wait := e.wait(key, since); wait > 0 {
		if e.told {
			retryAfter = strconv.Itoa(int((wait + time.Second - 1) / time.Second))
		}
		return http.StatusTooManyRequests, retryAfter, "too many register at once"
	}
	var r registration
	_ = json.Unmarshal(body, &r) // without an account there is nobody to be told SUCCESS
	e.taken[key] = r.AccountID
	return http.StatusOK, "", ""
}

// wait is for how long a caller is refused: the endpoint has a place every so
// often, and remembers a burst of them. Where it tells the queue, it keeps a
// place for whom it refuses.
func (e *throttled) wait(key string, now time.Duration) time.Duration {
	gap := time.Duration(float64(time.Second) / e.rate)
	place, kept := e.places[key]
	if !kept {
		place = max(e.last+gap, now-time.Duration(e.burst)*gap)
		if place > now && !e.told {
			return place - now
		}
		e.last, e.places[key] = place, place
	}
	if place <= now {
		delete(e.places, key)
	}
	return max(place-now, 0)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
