package runtimeapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// A life is one stack: its events, each delivered until it was answered, and
// the process that is killed in the middle of them.
type life struct {
	*testing.T
	env            map[string]string
	cloudformation *runtimeapi.Server
	number         int
	killed         *atomic.Int32
	random         *rand.Rand
	span           time.Duration

	process atomic.Pointer[runtimeapi.Process]
	fatal   atomic.Bool // the process dies when CloudFormation has its answer
}

// The function is killed at random moments of a Create, an Update and a
// Delete, and gets the event again as from Lambda, twice more at most. However
// that goes, the reference endpoint's database has each event once.
func TestAKilledFunctionRegistersOnce(t *testing.T) {
	t.Parallel()
	const lives, seed = 20, 20261124
	cloud := localcloud.StartT(t, "")
	as, err := cloud.Session(t.Context(), runtimeapi.Account, "execution", "function")
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := cloud.StartEndpoint(t.Context(), as, certificate.File, certificate.KeyFile, "-verify-role=false")
	if err != nil {
		t.Fatal(err)
	}
	env := with(runtimeapi.Environment(endpoint.URL+"/v1/registrations", certificate.File), map[string]string{
		"AWS_ACCESS_KEY_ID": as.AccessKeyID, "AWS_SECRET_ACCESS_KEY": as.SecretAccessKey,
		"AWS_SESSION_TOKEN": as.SessionToken,
	})
	var killed atomic.Int32
	t.Run("lives", func(t *testing.T) {
		for number := range lives {
			t.Run(fmt.Sprint(number), func(t *testing.T) {
				t.Parallel()
				l := &life{T: t, env: env, number: number, killed: &killed, span: 40 * time.Millisecond}
				l.random = rand.New(rand.NewPCG(seed, uint64(number)))
				l.cloudformation = serve(t, l.answered)
				l.live()
			})
		}
	})
	// Time alone says when most of them die, and that is another moment on each machine.
	t.Logf("%d processes were killed (seed %d)", killed.Load(), seed)
	if killed.Load() < lives {
		t.Errorf("%d processes were killed in %d lives; then this tests little", killed.Load(), lives)
	}

	rows, err := endpoint.Registrations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]localcloud.Registration{}
	for _, row := range rows {
		if _, twice := found[row.StackID]; twice {
			t.Errorf("there are two rows for the stack %s", row.StackID)
		}
		found[row.StackID] = row
	}
	for number := range lives {
		row, registered := found[stackID(number)]
		if !registered {
			t.Errorf("there is no row for the stack %s", stackID(number))
			continue
		}
		status := []string{"active", "suspended", "deleted"}[number%3]
		if row.Status != status || row.RoleArn != roleARN(number) || row.TicketID != ticket(number) {
			t.Errorf("life %d ended as %s of %s under ticket %s", number, row.Status, row.RoleArn, row.TicketID)
		}
		var history []string
		for _, e := range row.History {
			history = append(history, e.RequestType)
		}
		want := []string{"Create", "Create Update", "Create Update Delete"}[number%3]
		if got := strings.Join(history, " "); got != want {
			t.Errorf("life %d has the history %s, want %s", number, got, want)
		}
	}
	if len(rows) != lives {
		t.Errorf("there are %d rows, want %d", len(rows), lives)
	}
}

func stackID(number int) string {
	return fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/life-%d/%s",
		runtimeapi.Region, runtimeapi.Account, number, runtimeapi.StackGUID)
}

func roleARN(number int) string {
	return fmt.Sprintf("arn:aws:iam::%s:role/doit/life-%d", runtimeapi.Account, number)
}

// ticket is the one that a life ends with.
func ticket(number int) string {
	return []string{"1", "2", "2"}[number%3]
}

// live goes on until the Create, the dismissal or the Delete of the stack.
func (l *life) live() {
	for i, requestType := range []string{"Create", "Update", "Delete"}[:l.number%3+1] {
		issued := time.Now().Add(time.Duration(i-3) * 10 * time.Second)
		e := runtimeapi.Event(requestType, runtimeapi.ResponseURL(l.cloudformation.Host, issued))
		e["StackId"] = stackID(l.number)
		e["RequestId"] = fmt.Sprintf("%s of life %d", requestType, l.number)
		properties(e)["RoleArn"] = roleARN(l.number)
		properties(e)["TicketId"] = "1"
		if requestType != "Create" {
			e["PhysicalResourceId"] = roleARN(l.number)
			properties(e)["TicketId"] = "2"
			properties(e)["Access"] = "dismissed"
		}
		raw, err := json.Marshal(e)
		if err != nil {
			l.Fatal(err)
		}
		l.deliver(raw)
		l.told(e["RequestId"].(string))
	}
}

// deliver hands the event to a new process, which is killed at some moment,
// and then to another one; the third lives.
func (l *life) deliver(raw []byte) {
	for delivery := 1; ; delivery++ {
		process, err := runtimeapi.Start(l.env, bootstrap)
		if err != nil {
			l.Fatal(err)
		}
		l.process.Store(process)
		l.fatal.Store(false)
		if delivery < 3 {
			if l.random.IntN(3) == 0 {
				l.fatal.Store(true)
			} else {
				moment := time.Duration(l.random.Int64N(int64(l.span)))
				time.AfterFunc(moment, process.Kill)
			}
		}
		result, err := process.Invoke(raw, time.Now().Add(time.Minute))
		printed := process.Output()
		if err := process.Close(); err != nil {
			l.Fatal(err)
		}
		if err == nil && result.Error == nil {
			l.span = result.Done.Sub(process.Started) // of which the next moment is a part
			return
		}
		if err != nil {
			l.killed.Add(1)
		}
		if delivery == 3 {
			l.Fatalf("the third delivery, to a process that nobody killed, ended in %v %v:\n%s",
				err, result.Error, printed)
		}
	}
}

// answered is CloudFormation taking an answer.
func (l *life) answered(w http.ResponseWriter, _ *http.Request) {
	if l.fatal.Load() {
		l.process.Load().Kill()
	}
	w.WriteHeader(http.StatusOK)
}

// told fails the test unless CloudFormation was told of a success, and never
// of anything else.
func (l *life) told(requestID string) {
	l.Helper()
	var first []byte
	for _, r := range l.cloudformation.Requests() {
		var a answer
		if err := json.Unmarshal(r.Body, &a); err != nil {
			l.Errorf("the answer %q: %v", r.Body, err)
		}
		if a.RequestID != requestID {
			continue
		}
		if first == nil {
			first = r.Body
		}
		if a.Status != "SUCCESS" || a.PhysicalResourceID != roleARN(l.number) || !bytes.Equal(r.Body, first) {
			l.Errorf("CloudFormation was told %s", r.Body)
		}
	}
	if first == nil {
		l.Errorf("CloudFormation was told nothing of the %s", requestID)
	}
}
