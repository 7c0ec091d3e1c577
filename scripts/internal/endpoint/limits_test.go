package endpoint

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestTheLimitsAreTheDesigns: the other tests have shorter ones, where they would
// wait or send for long.
func TestTheLimitsAreTheDesigns(t *testing.T) {
	t.Parallel()
	o, err := parseOptions([]string{"-cert", "x", "-key", "x"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := limits{
		request: 8500 * time.Millisecond, identity: 5 * time.Second, body: 5 * time.Second, idle: 5 * time.Second,
		writer: 2 * time.Second, identityCalls: 256, roleCalls: 256, roleCallsOfAccount: 64, rows: 1000, history: 50,
		opened: 5000,
	}
	if o.limits != want || o.connections != 1000 || o.perAccount != 30 {
		t.Errorf("the limits are %+v, %d connections and %d a second", o.limits, o.connections, o.perAccount)
	}
}

// halfRequest is one whose body breaks off.
const halfRequest = "POST /v1/registrations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"

// wholeRequest is one whose body comes to its end.
const wholeRequest = "POST /v1/registrations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nhalf"

// dial opens a connection, as a caller who has not sent anything yet.
func (r *running) dial(t testing.TB, protocols ...string) *tls.Conn {
	t.Helper()
	settings := r.settings()
	settings.NextProtos = protocols
	conn, err := tls.Dial("tcp", r.audience, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the endpoint may have been first
	return conn
}

// open tells whether the endpoint still takes what comes on the connection.
func open(t *testing.T, conn *tls.Conn) bool {
	t.Helper()
	if _, err := conn.Write([]byte("GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		return false
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusNotFound
}

// closed waits until the endpoint has closed the connection.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var late interface{ Timeout() bool }
	if _, err := io.Copy(io.Discard, conn); errors.As(err, &late) && late.Timeout() {
		t.Error("the connection is kept")
	}
}

func TestTheConnectionThatWaitsLongestMakesRoom(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-connections", "3", "-verify-role=false"})
	first, second := r.dial(t), r.dial(t)
	third := r.dial(t)
	write(t, second, halfRequest)
	r.expect(t, r.newCall(somebody, "Create", nil), nil)
	closed(t, first)
	fourth := r.dial(t)
	closed(t, second)
	for i, conn := range []*tls.Conn{third, fourth} {
		if !open(t, conn) {
			t.Errorf("connection %d had to go", i+3)
		}
	}
}

func TestAWholeRequestMakesRoomForNobody(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan struct{}, 3), make(chan struct{})
	r, _ := startScripted(t, scripted{identify: func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-goOn
		says(http.StatusOK, identityOf(customer, "doit-RegistrationRole"))(w, r)
	}}, []string{"-connections", "2", "-verify-role=false"}, func(o *options) { o.limits.idle = time.Hour })
	var all sync.WaitGroup
	send := func() { all.Go(func() { r.expect(t, r.newCall(somebody, "Create", oneEvent), nil) }) }
	send()
	send()
	<-asked
	<-asked
	third, err := net.Dial("tcp", r.audience) // has to wait until one of the two is answered
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = third.Close() }() // the endpoint may have been first
	close(goOn)
	all.Wait()
	r.letsIn(t, third)
}

// letsIn wants the endpoint to speak with who has dialled.
func (r *running) letsIn(t *testing.T, dialled net.Conn) {
	t.Helper()
	settings := r.settings()
	settings.ServerName, _, _ = net.SplitHostPort(r.audience)
	patience, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := tls.Client(dialled, settings).HandshakeContext(patience); err != nil {
		t.Errorf("there is room, and who has dialled still waits: %v", err)
	}
}

// TestWhoGoesMakesRoom at once for who waits already, although its whole request made room for nobody.
func TestWhoGoesMakesRoom(t *testing.T) {
	t.Parallel()
	for name, hangsUp := range map[string]bool{"answered": false, "before it is answered": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, goOn := make(chan struct{}), make(chan struct{})
			r, _ := startScripted(t, scripted{identify: func(w http.ResponseWriter, r *http.Request) {
				close(asked)
				select {
				case <-goOn:
				case <-r.Context().Done():
				}
				says(http.StatusOK, identityOf(customer, "doit-RegistrationRole"))(w, r)
			}}, []string{"-connections", "1", "-verify-role=false"})
			first := r.newCall(somebody, "Create", nil)
			first.chunked = true // its connection ends with the answer
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			first.ctx = ctx
			answered := make(chan error, 1)
			go func() {
				_, err := r.try(t, first)
				answered <- err
			}()
			<-asked
			second, err := net.Dial("tcp", r.audience)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = second.Close() }() // the endpoint may have been first
			if hangsUp {
				hangUp()
			} else {
				close(goOn)
			}
			if err := <-answered; (err != nil) != hangsUp {
				t.Errorf("the first is told %v", err)
			}
			r.letsIn(t, second)
		})
	}
}

func TestHTTP1IsAllThatIsSpoken(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	conn := r.dial(t, "h2", "http/1.1")
	if spoken := conn.ConnectionState().NegotiatedProtocol; spoken != "http/1.1" {
		t.Errorf("the endpoint speaks %q", spoken)
	}
	for request, want := range map[string]int{
		"POST /v1/registrations HTTP/2.0\r\nHost: x\r\n\r\n":                                                  505,
		"POST /v1/registrations HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 20<<10) + "\r\n\r\n":        431,
		"POST /v1/registrations HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 19<<10) + "\r\n\r\n":        415,
		"POST /v1/registrations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n":                       501,
		"POST /v1/registrations HTTP/1.1\r\nHost: x\r\nExpect: more\r\nContent-Length: 1\r\n\r\n":             417,
		"POST https://x/v1/registrations HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n":                    404,
		"POST /v1/registrations HTTP/1.1\r\nHost: x\r\nContent-Length: 16385\r\n\r\n":                         413,
		"POST /v1/registrations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n": 415,
	} {
		conn := r.dial(t)
		write(t, conn, request)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || answer.StatusCode != want {
			t.Errorf("%.70q is answered %v, %v; want %d", request, answer, err, want)
		}
	}
}

// TestWhatIsNotReadToItsEndEndsTheConnection: of a chunked request nobody knows the
// end, and of one that is refused unread nobody wants it.
func TestWhatIsNotReadToItsEndEndsTheConnection(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-verify-role=false"})
	c := r.newCall(somebody, "Create", nil)
	if a := r.expect(t, c, nil); a.closes {
		t.Error("an ordinary registration ends its connection")
	}
	c.chunked = true
	if a := r.expect(t, c, nil); !a.closes {
		t.Error("a chunked registration keeps its connection")
	}
	c.chunked, c.path = false, "/elsewhere"
	if a := r.expect(t, c, notFound); !a.closes {
		t.Error("a body at another path keeps its connection")
	}
}

func TestAHalfBodyIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil, func(o *options) { o.limits.body = 500 * time.Millisecond })
	conn := r.dial(t)
	write(t, conn, halfRequest)
	if a := read(t, conn); a.problem.Type != bodyIncomplete.Type || !a.closes {
		t.Errorf("the answer is %v, and ends its connection: %v", a, a.closes)
	}
	closed(t, conn)
}

// TestHalfHeadersAreNotWaitedFor, nor is half a handshake: either has five seconds to be whole.
func TestHalfHeadersAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	const half = "POST /v1/registrations HTTP/1.1\r\nHost: x\r\nContent-Le"
	r, _ := startScripted(t, scripted{}, nil, func(o *options) { o.limits.idle = time.Hour })
	first, second := r.dial(t), r.dial(t)
	write(t, second, wholeRequest)
	if a := read(t, second); a.closes {
		t.Errorf("a whole request is answered %v, and ends its connection", a)
	}
	began := time.Now()
	plain, err := net.Dial("tcp", r.audience)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }() // the endpoint may have been first
	write(t, plain, "\x16\x03\x01")      // TLS begins so
	write(t, first, half)
	write(t, second, half)
	// All at once: the suite has few tests at a time, and none of them has to wait longer than one does.
	for of, conn := range map[string]net.Conn{
		"the first request": first, "the second request": second, "a handshake": plain,
	} {
		closed(t, conn)
		if took := time.Since(began); took < 4*time.Second || took > 8*time.Second {
			t.Errorf("half of %s was waited for %v", of, took)
		}
	}
}

func write(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// read takes an answer off a connection, and holds it to the contract.
func read(t *testing.T, conn net.Conn) answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := readAnswer(response)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnIdleConnectionIsNotKept(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil, func(o *options) { o.limits.idle = 100 * time.Millisecond })
	conn := r.dial(t)
	request := "POST /v1/registrations HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	write(t, conn, request)
	closed(t, conn)
}

// TestOneClockForARequest: what STS took is not there for the role any more.
func TestOneClockForARequest(t *testing.T) {
	t.Parallel()
	const clock = 3 * time.Second
	r, _ := startScripted(t, scripted{
		identify: func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(clock / 2):
				says(http.StatusOK, identityOf(customer, "doit-RegistrationRole"))(w, r)
			case <-r.Context().Done():
			}
		},
		assume: slow(""),
	}, nil, func(o *options) { o.limits.request = clock })
	began := time.Now()
	r.expect(t, r.newCall(somebody, "Create", nil), roleUnverifiable)
	if took := time.Since(began); took > clock*4/3 { // with a clock for each it would be half more
		t.Errorf("the answer took %v of a clock of %v", took, clock)
	}
}

// TestEachRequestOfAConnectionHasItsOwnClock: a connection may be older than that.
func TestEachRequestOfAConnectionHasItsOwnClock(t *testing.T) {
	t.Parallel()
	const clock = 2 * time.Second
	r, _ := startScripted(t, scripted{}, []string{"-verify-role=false", "-per-account", "0"}, func(o *options) {
		o.limits.request = clock
	})
	base := time.Now().Add(-time.Hour)
	for began := time.Now(); time.Since(began) < clock*5/4; {
		r.expect(t, create(1, nil, nil).call(r, base), nil)
	}
}

func TestSoManyQuestionsWhoSignedAtATime(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 3)
	r, sts := startScripted(t, scripted{identify: func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}}, nil, func(o *options) { o.limits.identityCalls, o.limits.request = 2, 2*time.Second })
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { r.expect(t, r.newCall(somebody, "Create", nil), stsUnavailable) })
	}
	<-asked
	<-asked
	impatient(t, r, r.newCall(somebody, "Create", nil))
	if sts.identify.Load() != 2 {
		t.Errorf("STS was asked %d times at once", sts.identify.Load())
	}
	all.Wait()
}

// impatient sends a call and hangs up soon.
func impatient(t *testing.T, r *running, c *call) {
	t.Helper()
	hurried := *r
	client := *r.http
	client.Timeout = 500 * time.Millisecond
	hurried.http = &client
	if a, err := hurried.try(t, c); err == nil {
		t.Errorf("the answer is %v", a)
	}
}

// byAccount is an STS that takes the access key for the account that signed.
func byAccount(w http.ResponseWriter, r *http.Request) {
	key, _, _ := strings.Cut(r.URL.Query().Get("X-Amz-Credential"), "/")
	says(http.StatusOK, identityOf(strings.TrimPrefix(key, "ASIA"), "doit-RegistrationRole"))(w, r)
}

// ofAccount is a good request of an account's function, for byAccount.
func (r *running) ofAccount(account, requestType string, members map[string]any) *call {
	c := r.newCall(aws.Credentials{
		AccessKeyID: "ASIA" + account, SecretAccessKey: "secret", SessionToken: somebody.SessionToken,
	}, requestType, map[string]any{
		"accountId": account, "stackId": strings.Replace(stackID, customer, account, 1),
		"roleArn": strings.Replace(roleArn, customer, account, 1),
	})
	for name, value := range members {
		c.members[name] = value
	}
	return c
}

func TestSoManyLooksAtRolesAtATime(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 9)
	r, sts := startScripted(t, scripted{
		identify: byAccount,
		assume: func(w http.ResponseWriter, r *http.Request) {
			asked <- r.FormValue("RoleArn")
			slow("")(w, r)
		},
	}, nil, func(o *options) {
		o.limits.roleCalls, o.limits.roleCallsOfAccount, o.limits.request = 3, 2, 4*time.Second
	})
	var all sync.WaitGroup
	look := func(account string) {
		all.Go(func() { r.expect(t, r.ofAccount(account, "Create", nil), roleUnverifiable) })
		<-asked
	}
	look(customer)
	look(customer)
	impatient(t, r, r.ofAccount(customer, "Create", nil)) // its third
	look(stranger)
	impatient(t, r, r.ofAccount(doit, "Create", nil)) // the fourth of all
	if tries := sts.trust.Load(); tries != 3 {
		t.Errorf("roles were tried %d times at once", tries)
	}
	// Whoever takes access away does not wait for any of them.
	r.expect(t, r.ofAccount(doit, "Create", map[string]any{"access": "dismissed"}), nil)
	all.Wait()
}

// TestAnAccountsQueueIsInNobodysWay: however many of an account wait for its share, they take no place of another's.
func TestAnAccountsQueueIsInNobodysWay(t *testing.T) {
	t.Parallel()
	const share, places, crowd = 2, 4, 40
	looked, goOn := make(chan struct{}, share+crowd), make(chan struct{})
	r, sts := startScripted(t, scripted{
		identify: byAccount,
		assume: func(w http.ResponseWriter, r *http.Request) {
			first := r.FormValue("ExternalId") == externalID
			if strings.Contains(r.FormValue("RoleArn"), customer) && first {
				looked <- struct{}{}
				select {
				case <-goOn:
				case <-r.Context().Done():
				}
			}
			assumable(w, r)
		},
	}, nil, func(o *options) { o.limits.roleCalls, o.limits.roleCallsOfAccount = places, share })
	var all sync.WaitGroup
	defer all.Wait()
	letGo := sync.OnceFunc(func() { close(goOn) })
	defer letGo()
	wait := func() { all.Go(func() { r.expect(t, r.ofAccount(customer, "Create", oneEvent), nil) }) }
	for range share {
		wait()
		<-looked
	}
	for range crowd {
		wait()
	}
	for sts.identify.Load() < share+crowd && !t.Failed() {
		time.Sleep(time.Millisecond)
	}
	r.expect(t, r.ofAccount(stranger, "Create", nil), nil)
	letGo()
	for range crowd {
		<-looked
	}
}

func TestNobodyWaitsForAPlaceLongerThanItsClock(t *testing.T) {
	t.Parallel()
	g := newGate(2, 1)
	leave, err := g.enter(t.Context(), customer)
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.enter(over, customer); err == nil {
		t.Error("a second one of the account is let in")
	}
	if _, err := g.enter(t.Context(), stranger); err != nil {
		t.Error(err)
	}
	if _, err := g.enter(over, doit); err == nil {
		t.Error("a third one of all is let in")
	}
	leave()
	if _, err := g.enter(t.Context(), doit); err != nil || len(g.accounts) != 2 {
		t.Errorf("after one left, %d accounts are there, %v", len(g.accounts), err)
	}
}

func TestAnAccountSendsSoManyASecond(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{identify: byAccount}, []string{"-per-account", "1", "-verify-role=false"})
	// Ten at once, and one more for each second that this takes.
	spend := func(requestType string, members map[string]any) {
		t.Helper()
		for range 100 {
			a := r.send(t, r.ofAccount(customer, requestType, members))
			if a.problem.Type == accountTooBusy.Type {
				return
			}
		}
		t.Errorf("100 times %s %v were answered", requestType, members)
	}
	spend("Create", nil)
	spend("Update", nil)
	r.expect(t, r.ofAccount(stranger, "Create", nil), nil)
	r.expect(t, r.ofAccount(customer, "Delete", nil), nil)
	spend("Update", map[string]any{"access": "dismissed", "roleArn": roleArn + "2"})
	spend("Delete", nil)
	r.expect(t, r.ofAccount(stranger, "Delete", nil), nil)
}

// TestAnAccountSendsTenSecondsWorthAtOnce of what gives access, as of what takes it away.
func TestAnAccountSendsTenSecondsWorthAtOnce(t *testing.T) {
	t.Parallel()
	for _, requestType := range []string{"Create", "Delete"} {
		t.Run(requestType, func(t *testing.T) {
			t.Parallel()
			r, _ := startScripted(t, scripted{}, []string{"-per-account", "3", "-verify-role=false"})
			began, taken := time.Now(), 0
			for r.send(t, r.newCall(somebody, requestType, nil)).problem.Type != accountTooBusy.Type {
				if taken++; taken > 1000 {
					t.Fatal("there is no end")
				}
			}
			// While they were sent, the bucket filled up a little.
			if most := 30 + int(3*time.Since(began).Seconds()); taken < 30 || taken > most {
				t.Errorf("%d were answered, want 30 to %d", taken, most)
			}
		})
	}
}

// TestWhatNarrowsAnAccessIsNotCountedWithTheRest: who has sent too much can still end its access, each way.
func TestWhatNarrowsAnAccessIsNotCountedWithTheRest(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for name, members := range map[string]m{
		"a dismissal":                {"access": "dismissed"},
		"an end that has passed":     {"accessExpires": "2020-12-31T00:00:00Z"},
		"an end brought forward":     {"accessExpires": "2098-12-31T00:00:00Z"},
		"a dismissal of another row": {"access": "dismissed", "roleArn": roleArn + "2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := startScripted(t, scripted{}, []string{"-per-account", "1", "-verify-role=false"})
			base := time.Now().Add(-time.Hour)
			// The Create again is no new event. What is left is less than one, for as long as a second at most.
			row := create(1, m{"accessExpires": "2099-12-31T00:00:00Z"}, nil)
			r.spend(t, row, base)
			r.expect(t, update(2, members, nil).call(r, base), nil)
		})
	}
}

// spend sends an event again and again, until the account has sent too much.
func (r *running) spend(t *testing.T, s step, base time.Time) {
	t.Helper()
	for sent := 0; r.send(t, s.call(r, base)).problem.Type != accountTooBusy.Type; sent++ {
		if sent > 100 {
			t.Fatal("the account can send without end")
		}
	}
}

// TestAnOvertakenEventIsNotToldToComeAgain: it would be too late then as well.
func TestAnOvertakenEventIsNotToldToComeAgain(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-per-account", "1", "-tickets", "1"})
	base := time.Now().Add(-time.Hour)
	r.expect(t, create(2, nil, nil).call(r, base), nil)
	closed := update(3, map[string]any{"ticketId": "closed"}, ticketNotOpen)
	r.spend(t, closed, base)
	r.expect(t, update(1, nil, nil).call(r, base), overtaken)
}

func TestAnAccountSendsAsMuchAsItLikesWhereTheOperatorSaysSo(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-per-account", "0", "-verify-role=false"})
	var all sync.WaitGroup
	base := time.Now().Add(-time.Hour)
	for range 10 {
		all.Go(func() {
			for range 35 {
				r.expect(t, create(1, nil, nil).call(r, base), nil)
			}
		})
	}
	all.Wait()
}

func TestTheBucketsOfAccountsThatSendNothingAreForgotten(t *testing.T) {
	t.Parallel()
	b, now := newBuckets(1), time.Now()
	for i := range 1000 {
		b.allow(fmt.Sprint(i), now)
	}
	b.allow("another", now.Add(20*time.Second))
	if len(b.accounts) > 1 {
		t.Errorf("%d buckets are kept", len(b.accounts))
	}
}

func TestAnUnprovedRequestWritesLittleToTheLog(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{identify: stsError(403, "SignatureDoesNotMatch")}, nil)
	long := "arn:aws:iam::111122223333:role/" + strings.Repeat("p", 900) + "/x"
	r.expect(t, r.newCall(somebody, "Create", map[string]any{
		"roleArn": long, "requestId": strings.Repeat("\x01", 128),
		"stackId": strings.Replace(stackID, "/doit/", "/"+strings.Repeat("s", 900)+"/", 1),
	}), rejectedProof)
	for name, value := range r.lastLine(t) {
		if len(value) > 512+2 {
			t.Errorf("%s has %d bytes", name, len(value))
		}
	}
	proved, _ := startScripted(t, scripted{}, []string{"-verify-role=false"})
	proved.expect(t, proved.newCall(somebody, "Create", map[string]any{"roleArn": long}), nil)
	if role := proved.lastLine(t)["role"]; string(role) != `"`+long+`"` {
		t.Errorf("the role of a proved request is %s", role)
	}
}

// lastLine is the log's last line.
func (r *running) lastLine(t *testing.T) (line map[string]json.RawMessage) {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace([]byte(r.log.String())), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &line); err != nil {
		t.Fatal(err)
	}
	return line
}

func TestACallerWhoHangsUpIsNoError(t *testing.T) {
	t.Parallel()
	asked, hungUp := make(chan struct{}), make(chan struct{})
	r, _ := startScripted(t, scripted{identify: func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(hungUp)
	}}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	c := r.newCall(somebody, "Create", nil)
	c.ctx = ctx
	if a, err := r.try(t, c); err == nil {
		t.Errorf("the answer is %v", a)
	}
	<-hungUp
	r.log.await(t, "the caller hung up")
	if log := r.log.String(); strings.Contains(log, `"ERROR"`) {
		t.Errorf("the log is\n%s", log)
	}
}

// TestTheLogsLevelIsWhoseTroubleItIs: an error is the operator's, a warning the caller's.
func TestTheLogsLevelIsWhoseTroubleItIs(t *testing.T) {
	t.Parallel()
	for level, c := range map[string]struct {
		identify http.HandlerFunc
		want     *Problem
	}{
		"INFO":  {},
		"WARN":  {identify: stsError(http.StatusForbidden, "SignatureDoesNotMatch"), want: rejectedProof},
		"ERROR": {identify: stsError(http.StatusInternalServerError, "InternalFailure"), want: stsUnavailable},
	} {
		r, _ := startScripted(t, scripted{identify: c.identify}, []string{"-verify-role=false"})
		r.expect(t, r.newCall(somebody, "Create", nil), c.want)
		if logged := r.lastLine(t)["level"]; string(logged) != `"`+level+`"` {
			t.Errorf("the answer %v is logged as %s, want %s", c.want, logged, level)
		}
	}
}
