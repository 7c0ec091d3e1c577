package endpoint

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// get asks the admin listener.
func (r *running) get(t *testing.T, path, host, method string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // read-only
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestAdminShowsWhatIsRegistered(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	response, text := r.get(t, path, "", http.MethodGet)
	if media := response.Header.Get("Content-Type"); text != "[]\n" || media != "application/json" {
		t.Errorf("an empty list is %s %q", media, text)
	}
	if _, text := r.get(t, "/", "", http.MethodGet); !strings.Contains(text, "Nothing is registered yet.") {
		t.Errorf("an empty page is %s", text)
	}
	const issued, expires = "2026-01-02T03:04:05Z", "2099-12-31T00:00:00Z"
	a := r.expect(t, r.newCall(somebody, "Create", map[string]any{
		"ticketId": "12345", "access": "approved", "accessExpires": expires, "issuedAt": issued,
	}), nil)
	r.expect(t, r.newCall(somebody, "Create", map[string]any{
		"roleArn": "arn:aws:iam::111122223333:role/<script>alert(1)</script>/x", "access": "dismissed",
	}), nil)

	rows := r.list(t)
	i := slices.IndexFunc(rows, func(l registrations.Registration) bool { return l.RegistrationID == a.id })
	if len(rows) != 2 || i < 0 {
		t.Fatalf("rows: %+v", rows)
	}
	want := registrations.Registration{
		RegistrationID: a.id, AccountID: customer, Region: home, StackID: stackID, RoleArn: roleArn,
		ExternalID: externalID, TicketID: "12345", Access: "approved", AccessExpires: expires,
		Status: registrations.Active,
		History: []registrations.Event{{
			At: rows[i].History[0].At, RequestType: "Create", RequestID: "3d9b5b1e-6d5a-4a53-a5f3-6a7a7f1f0b11",
			IssuedAt: issued, TicketID: "12345", Access: "approved", AccessExpires: expires,
			ClaimedAccount: customer, ProvedAccount: customer,
			Caller: "arn:aws:sts::111122223333:assumed-role/doit-RegistrationRole/function", Role: registrations.Opens,
		}},
	}
	if !reflect.DeepEqual(rows[i], want) || strings.Contains(a.id, externalID) {
		t.Errorf("row %+v, want %+v", rows[i], want)
	}
	response, text = r.get(t, "/", "", http.MethodGet)
	for _, want := range []string{customer, roleArn, issued, "12345", expires, "approved", "dismissed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(text, "<script") || strings.Contains(text, externalID) {
		t.Errorf("the page has a script or an external ID:\n%s", text)
	}
	policy := response.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "script") {
		t.Errorf("the page's policy is %q", policy)
	}
}

func TestTheListComesInPages(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-verify-role=false"})
	var want []string
	for i := range 7 { // the last one first: the list has an order of its own
		role := fmt.Sprint(roleArn, 7-i)
		r.expect(t, r.newCall(somebody, "Create", map[string]any{"roleArn": role}), nil)
		want = append([]string{role}, want...)
	}
	for _, limit := range []int{1, 2, 3, 6, 7, 8, 1000, 100000} {
		var got []string
		next, pages := fmt.Sprintf("%s?limit=%d", path, limit), 0
		for ; next != ""; pages++ {
			response, text := r.get(t, next, "", http.MethodGet)
			var rows []registrations.Registration
			if err := json.Unmarshal([]byte(text), &rows); err != nil || len(rows) > limit {
				t.Fatalf("%s has %d rows, %v", next, len(rows), err)
			}
			for _, row := range rows {
				got = append(got, row.RoleArn)
			}
			next = between(response.Header.Get("Link"), "<", ">; rel=next")
		}
		if !slices.Equal(got, want) || pages != (len(want)+limit-1)/limit {
			t.Errorf("in %d pages of %d there are %v", pages, limit, got)
		}
	}
	if _, text := r.get(t, "/?limit=2", "", http.MethodGet); strings.Count(text, roleArn) != 2 {
		t.Errorf("a page of two has\n%s", text)
	}
	for query, status := range map[string]int{
		"limit=0": 400, "limit=-1": 400, "limit=many": 400, "after=nobody": 400, "limit=": 200,
	} {
		if response, text := r.get(t, path+"?"+query, "", http.MethodGet); response.StatusCode != status {
			t.Errorf("?%s is answered %d %s", query, response.StatusCode, text)
		}
	}
}

// TestALongListIsReadInPieces has more rows than are read at once, and follows the links.
func TestALongListIsReadInPieces(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-verify-role=false", "-per-account", "0"})
	const rows = 2*listedAtOnce + 1
	for i := range rows {
		r.expect(t, r.newCall(somebody, "Create", map[string]any{"roleArn": fmt.Sprint(roleArn, i)}), nil)
	}
	seen := map[string]bool{}
	for _, row := range r.list(t) {
		seen[row.RegistrationID] = true
	}
	if len(seen) != rows {
		t.Errorf("%d rows, want %d", len(seen), rows)
	}
}

// TestAPageHasAThousandRowsAtMost, also where more are asked for, and where nobody says how many.
func TestAPageHasAThousandRowsAtMost(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	fill(t, file, 1001)
	r, _ := startScripted(t, scripted{}, []string{"-db", file, "-verify-role=false"})
	for query, want := range map[string]int{"": 1000, "?limit=999": 999, "?limit=1001": 1000, "?limit=100000": 1000} {
		response, text := r.get(t, path+query, "", http.MethodGet)
		if rows := strings.Count(text, `"roleArn":"fill-`); rows != want {
			t.Errorf("%s%s has %d rows, want %d", path, query, rows, want)
		}
		if response.Header.Get("Link") == "" {
			t.Errorf("%s%s does not say that there are more", path, query)
		}
	}
}

// TestAListOfManyTakesNoMoreThanAPage of it, neither of memory nor of anybody's
// time. It runs alone, since what others allocate counts too.
func TestAListOfManyTakesNoMoreThanAPage(t *testing.T) {
	allocated := map[int]uint64{}
	for _, rows := range []int{mostListed, 100_000} {
		file := filepath.Join(t.TempDir(), "registrations.db")
		fill(t, file, rows)
		r, _ := startScripted(t, scripted{}, []string{"-db", file, "-verify-role=false", "-per-account", "0"})
		ended := make(chan error, 1)
		go func() {
			for i := range 10 {
				began := time.Now()
				_, err := r.try(t, r.newCall(somebody, "Create", map[string]any{"roleArn": fmt.Sprint(roleArn, i)}))
				if took := time.Since(began); err == nil && took > 2*time.Second {
					err = fmt.Errorf("it took %v beside a list of %d", took, rows)
				}
				if err != nil {
					ended <- fmt.Errorf("registration %d: %w", i, err)
					return
				}
			}
			ended <- nil
		}()
		for i, after := range []string{"", "", fmt.Sprintf("r%06d", rows/2)} {
			var before, behind runtime.MemStats
			runtime.ReadMemStats(&before)
			response, text := r.get(t, path+"?after="+after, "", http.MethodGet)
			runtime.ReadMemStats(&behind)
			if response.StatusCode != http.StatusOK || !strings.Contains(text, "fill-") {
				t.Errorf("page %d is %d %.100s", i, response.StatusCode, text)
			}
			allocated[rows] = max(allocated[rows], behind.TotalAlloc-before.TotalAlloc)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if allocated[100_000] > 2*allocated[mostListed] {
		t.Errorf("a page of 100,000 rows took %d bytes, of %d it took %d",
			allocated[100_000], mostListed, allocated[mostListed])
	}
}

// fill makes a database with so many rows, of 500 roles an account.
func fill(t *testing.T, file string, rows int) {
	t.Helper()
	made, err := openStore(t.Context(), file, theLimits)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.close(); err != nil {
		t.Fatal(err)
	}
	holder := database(t, file)
	do(t, holder, `
		WITH RECURSIVE fill (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM fill WHERE n < ?)
		INSERT INTO registrations (id, account_id, role_arn, stack_id, region,
			saying, previous, deleted, issued_at, taken_at, events)
		SELECT printf('r%06d', n), printf('%012d', n / 500), printf('fill-%06d', n), 'stack', 'eu-west-1',
			'{"externalId":"externalId","access":"approved"}', '', 0, 1, 1, 1 FROM fill`, rows)
	do(t, holder, `INSERT INTO history (registration_id, number, request, entry)
		SELECT id, 1, id, '{"requestType":"Create"}' FROM registrations`)
}

func TestAdminAnswersToALoopbackHostOnly(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	for host, want := range map[string]int{
		"": 200, "localhost": 200, "localhost:1234": 200, "127.0.0.1": 200, "[::1]:80": 200, "[::1]": 200,
		"evil.example": 421, "evil.example:80": 421, "10.0.0.1": 421,
		"localhost.evil.example": 421, "127.0.0.1.evil.example": 421,
	} {
		for _, path := range []string{"/", path, "/page.css"} {
			if response, _ := r.get(t, path, host, http.MethodGet); response.StatusCode != want {
				t.Errorf("%s at host %q is %d, want %d", path, host, response.StatusCode, want)
			}
		}
	}
	for path, want := range map[string]int{"/": 405, path: 405} {
		if response, _ := r.get(t, path, "", http.MethodPost); response.StatusCode != want {
			t.Errorf("POST %s is %d, want %d", path, response.StatusCode, want)
		}
	}
	if response, _ := r.get(t, "/other", "", http.MethodGet); response.StatusCode != 404 {
		t.Errorf("/other is %d", response.StatusCode)
	}
}
