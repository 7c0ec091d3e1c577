package endpoint

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

const (
	callers      = 200
	loadAccounts = 20
	kills        = 8
)

// The race detector makes each registration cost a hundredth of a second and
// more, so the whole load is for who asks for it (-args -registrations 2000).
// How fast they are taken scripts/load measures.
var loaded = flag.Int("registrations", 600, "how many registrations TestNothingIsLostUnderLoad sends")

// loadCaller has an account of its own, and credentials that verifyingSTS knows.
func loadCaller(i int) (account string, as aws.Credentials) {
	account = fmt.Sprintf("%012d", 100000000000+i)
	return account, credentialsOf(account)
}

func credentialsOf(account string) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: "ASIA" + account, SecretAccessKey: "secret of " + account,
		SessionToken: "token/of+" + account + "==",
	}
}

// verifyingSTS signs each proof again and believes it only where both are the
// same. Roles open with the external ID that is also their name.
func verifyingSTS(t testing.TB) scripted {
	return scripted{
		identify: func(w http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			scope := strings.Split(query.Get("X-Amz-Credential"), "/")
			at, err := time.Parse(amzDate, query.Get("X-Amz-Date"))
			if err != nil || len(scope) != 5 {
				stsError(http.StatusForbidden, "IncompleteSignature")(w, r)
				return
			}
			account := strings.TrimPrefix(scope[0], "ASIA")
			headers := map[string]string{}
			for _, name := range []string{"X-DoiT-Audience", "X-DoiT-Content-SHA256"} {
				headers[name] = r.Header.Get(name)
			}
			signed := presign(t, credentialsOf(account), scope[2], at, "https://"+r.Host, headers)
			if signed != "https://"+r.Host+r.RequestURI {
				stsError(http.StatusForbidden, "SignatureDoesNotMatch")(w, r)
				return
			}
			says(http.StatusOK, identityOf(account, "doit-RegistrationRole"))(w, r)
		},
		assume: func(w http.ResponseWriter, r *http.Request) {
			if role := r.FormValue("RoleArn"); r.FormValue("ExternalId") == role[strings.LastIndexByte(role, '/')+1:] {
				opens(w, r)
				return
			}
			stsError(http.StatusForbidden, "AccessDenied")(w, r)
		},
	}
}

// loadCall is the i-th registration.
func loadCall(r *running, i int) *call {
	account, as := loadCaller(i % loadAccounts)
	role := fmt.Sprintf("doit-SupportRole-%d", i)
	return r.newCall(as, "Create", map[string]any{
		"accountId": account, "externalId": role, "roleArn": "arn:aws:iam::" + account + ":role/doit/" + role,
		"stackId": strings.Replace(stackID, customer, account, 1), "issuedAt": "2026-01-01T00:00:00Z",
	})
}

// load sends all registrations, each until it is taken, and returns the IDs that
// were given.
func load(t testing.TB, r *running, count int, taken *atomic.Int64) []string {
	ids := make([]string, count)
	var all sync.WaitGroup
	for worker := range callers {
		all.Go(func() {
			for i := worker; i < count; i += callers {
				for c := loadCall(r, i); ids[i] == ""; {
					c.at = time.Now()
					a, err := r.try(t, c)
					switch {
					case err != nil, a.status == http.StatusServiceUnavailable: // as the function does, try again
						time.Sleep(20 * time.Millisecond)
					case a.status != http.StatusOK:
						t.Errorf("registration %d is answered %v", i, a)
						return
					}
					ids[i] = a.id
				}
				taken.Add(1)
			}
		})
	}
	all.Wait()
	return ids
}

// TestNothingIsLostUnderLoad kills the endpoint eight times in the middle, the
// hard way: with it goes the transaction that it is at, and whoever waits for it
// asks again.
func TestNothingIsLostUnderLoad(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "registrations.db")
	sts := countSTS(t, verifyingSTS(t))
	door := openDoor(t)
	flags := []string{"-db", db, "-sts", sts.url, "-audience", door.address}
	process, r := startProcess(t, flags...)
	again := r
	door.leadTo(r)

	var taken atomic.Int64
	ended := make(chan []string)
	go func() {
		ended <- load(t, r, *loaded, &taken)
	}()
	for kill := range int64(kills) {
		for taken.Load() < int64(*loaded)*(kill+1)/(kills+1) && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		door.shut()
		if err := process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = process.Wait() // killed
		process, again = startProcess(t, flags...)
		door.leadTo(again)
	}
	ids := <-ended

	intact(t, again, ids)
	kept := keep(t, db)
	var verdict string
	err := kept.readers.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict)
	if err != nil || verdict != "ok" {
		t.Errorf("the database says %q, %v", verdict, err)
	}
}

// door is the address that callers know, while the endpoint behind it comes and
// goes: the port of one that was killed could be given to anybody.
type door struct {
	address string

	mu     sync.RWMutex
	behind string // the endpoint's own address, "" while there is none
}

func openDoor(t testing.TB) *door {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // the test is over
	d := &door{address: listener.Addr().String()}
	go func() {
		for {
			caller, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go d.pass(caller)
		}
	}()
	return d
}

// leadTo has the endpoint's callers come by the door.
func (d *door) leadTo(r *running) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.behind = strings.TrimPrefix(r.url, "https://")
	r.url, r.audience = "https://"+d.address, d.address
}

// shut turns all away who come from now on. Those inside stay.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.behind = ""
}

func (d *door) pass(caller net.Conn) {
	defer func() { _ = caller.Close() }() // both are at an end
	d.mu.RLock()
	endpoint, err := net.Dial("tcp", d.behind) // with the lock: it could end before it is called
	d.mu.RUnlock()
	if err != nil {
		return // there is no address ""
	}
	go func() {
		_, _ = io.Copy(endpoint, caller) // whoever ends it, ends it for both
		_ = endpoint.Close()
	}()
	_, _ = io.Copy(caller, endpoint)
	_ = endpoint.Close()
}

// intact wants one row for each registration, with the ID that was answered.
func intact(t testing.TB, r *running, ids []string) {
	t.Helper()
	rows := r.list(t)
	byRole := map[string]registrations.Registration{}
	for _, row := range rows {
		byRole[row.RoleArn] = row
		if row.Status != "active" || len(row.History) != 1 || row.History[0].ProvedAccount != row.AccountID {
			t.Errorf("row %+v", row)
		}
	}
	if len(rows) != len(ids) || len(byRole) != len(ids) {
		t.Errorf("%d rows of %d roles, want %d", len(rows), len(byRole), len(ids))
	}
	for i, id := range ids {
		account, _ := loadCaller(i % loadAccounts)
		role := fmt.Sprintf("arn:aws:iam::%s:role/doit/doit-SupportRole-%d", account, i)
		if byRole[role].RegistrationID != id {
			t.Errorf("registration %d was answered %q, and its row is %q", i, id, byRole[role].RegistrationID)
		}
	}
}
