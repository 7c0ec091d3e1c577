package endpoint

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestRefuseIsForWhatIsNew(t *testing.T) {
	t.Parallel()
	r, sts := startScripted(t, scripted{}, []string{"-refuse", "Ticket 12345 is closed. Open it again."})
	a := r.expect(t, r.newCall(somebody, "Create", nil), refused)
	if a.problem.Detail != "Ticket 12345 is closed. Open it again." || a.status != http.StatusForbidden {
		t.Errorf("the answer is %d %q", a.status, a.problem.Detail)
	}
	r.expect(t, r.newCall(somebody, "Update", nil), refused)
	r.expect(t, r.newCall(somebody, "Delete", nil), notRegistered)
	if sts.trust.Load() != 0 {
		t.Error("a refused role was tried")
	}
}

func TestThrottleLetsSoManyThroughASecond(t *testing.T) {
	t.Parallel()
	r, sts := startScripted(t, scripted{}, []string{"-throttle", "2", "-verify-role=false"})
	var taken, throttled atomic.Int64
	burst(t, func() {
		switch a := r.send(t, r.newCall(somebody, "Create", oneEvent)); {
		case a.status == http.StatusOK:
			taken.Add(1)
		case a.problem.Type == tooManyRequests.Type:
			throttled.Add(1)
		default:
			t.Errorf("the answer is %v", a)
		}
	})
	if taken.Load() == 0 || throttled.Load() == 0 || sts.identify.Load() != taken.Load() {
		t.Errorf("%d were taken, %d throttled, STS was asked %d times",
			taken.Load(), throttled.Load(), sts.identify.Load())
	}
	now := time.Now().Truncate(time.Second)
	for i, want := range []bool{true, true, false, false} {
		if got := (&throttle{perSecond: 2, second: now.Unix(), count: i}).allows(now); got != want {
			t.Errorf("request %d of the second: %v", i+1, got)
		}
	}
	if !(&throttle{perSecond: 2, second: now.Unix(), count: 9}).allows(now.Add(time.Second)) {
		t.Error("the next second is throttled too")
	}
}

func TestThrottleIsForEveryRequest(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-throttle", "1"})
	var throttled atomic.Int64
	burst(t, func() {
		c := r.newCall(somebody, "Create", nil)
		c.path, c.method = "/elsewhere", http.MethodPut
		if r.send(t, c).problem.Type == tooManyRequests.Type {
			throttled.Add(1)
		}
	})
	if throttled.Load() == 0 {
		t.Error("all requests to another path were answered")
	}
}

// burst does many things at once, which takes less than many seconds.
func burst(t *testing.T, do func()) {
	t.Helper()
	var all sync.WaitGroup
	for range 50 {
		all.Go(do)
	}
	all.Wait()
}

func TestEarlyIsForAWhileAfterARoleIsFirstNamed(t *testing.T) {
	t.Parallel()
	r, sts := startScripted(t, scripted{}, []string{"-early", "0.4", "-per-account", "0"})
	began := time.Now()
	c := r.newCall(somebody, "Create", nil)
	r.expect(t, c, roleNotAssumable)
	for {
		a := r.send(t, c)
		if a.status == http.StatusOK {
			break
		}
		if a.problem.Type != roleNotAssumable.Type || time.Since(began) > 10*time.Second {
			t.Fatalf("the answer is %v after %v", a, time.Since(began))
		}
	}
	if waited := time.Since(began); waited < 400*time.Millisecond {
		t.Errorf("taken after %v", waited)
	}
	if tried := sts.trust.Load(); tried != 4 {
		t.Errorf("the role was tried %d times", tried)
	}
	r.expect(t, r.newCall(somebody, "Create", map[string]any{"roleArn": roleArn + "2"}), roleNotAssumable)
}

func TestEarlyDoesNotDependOnLookingAtTheRole(t *testing.T) {
	t.Parallel()
	r, sts := startScripted(t, scripted{}, []string{"-early", "60", "-verify-role=false"})
	r.expect(t, r.newCall(somebody, "Create", nil), roleNotAssumable)
	r.expect(t, r.newCall(somebody, "Create", map[string]any{"access": "dismissed"}), nil)
	if tried := sts.trust.Load(); tried != 0 {
		t.Errorf("the role was tried %d times", tried)
	}
}

func TestABadProofDoesNotNameARole(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-early", "0.3"})
	bad := r.newCall(somebody, "Create", nil)
	bad.audience, bad.at = "x", time.Now().Add(-time.Hour)
	for began := time.Now(); time.Since(began) < 300*time.Millisecond; {
		r.expect(t, bad, untimelyProof)
	}
	r.expect(t, r.newCall(somebody, "Create", nil), roleNotAssumable)
}

// TestAHungCallerMayGo: who goes makes room, also where the endpoint was sent a body.
func TestAHungCallerMayGo(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-hang", "-connections", "1"})
	for _, request := range []string{wholeRequest, halfRequest, wholeRequest} {
		conn := r.dial(t)
		write(t, conn, request)
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHangNeverAnswers(t *testing.T) {
	t.Parallel()
	r, sts := startScripted(t, scripted{}, []string{"-hang"})
	r.http.Timeout = 300 * time.Millisecond
	for _, path := range []string{"/v1/registrations", "/elsewhere"} {
		c := r.newCall(somebody, "Create", nil)
		c.path = path
		_, err := r.try(t, c)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the answer is %v", err)
		}
	}
	if sts.identify.Load() != 0 {
		t.Error("STS was asked")
	}
}
