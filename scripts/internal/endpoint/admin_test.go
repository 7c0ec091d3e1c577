package endpoint

import (
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

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
	if response, text := r.get(t, "/v1/registrations", "", http.MethodGet); text != "[]\n" || response.Header.Get("Content-Type") != "application/json" {
		t.Errorf("an empty list is %s %q", response.Header.Get("Content-Type"), text)
	}
	if _, text := r.get(t, "/", "", http.MethodGet); !strings.Contains(text, "Nothing is registered yet.") {
		t.Errorf("an empty page is %s", text)
	}
	a := r.expect(t, r.newCall(somebody, "Create", map[string]any{"ticketId": "12345", "access": "approved", "accessExpires": "2099-12-31T00:00:00Z", "issuedAt": "2026-01-02T03:04:05Z"}), nil)
	r.expect(t, r.newCall(somebody, "Create", map[string]any{"roleArn": "arn:aws:iam::111122223333:role/<script>alert(1)</script>/x", "access": "dismissed"}), nil)

	rows := r.list(t)
	i := slices.IndexFunc(rows, func(l registrations.Registration) bool { return l.RegistrationID == a.id })
	if len(rows) != 2 || i < 0 {
		t.Fatalf("rows: %+v", rows)
	}
	row := rows[i]
	row.History = nil
	want := registrations.Registration{
		RegistrationID: a.id, AccountID: customer, Region: home, StackID: stackID, RoleArn: roleArn, ExternalID: externalID,
		TicketID: "12345", Access: "approved", AccessExpires: "2099-12-31T00:00:00Z", Status: registrations.Active,
	}
	if !reflect.DeepEqual(row, want) {
		t.Errorf("row %+v, want %+v", row, want)
	}
	if strings.Contains(a.id, externalID) || len(rows[i].History) != 1 {
		t.Errorf("registration %s with history %+v", a.id, rows[i].History)
	}
	happened := rows[i].History[0]
	if happened.ClaimedAccount != customer || happened.ProvedAccount != customer || happened.Caller != "arn:aws:sts::111122223333:assumed-role/doit-RegistrationRole/function" ||
		happened.IssuedAt != "2026-01-02T03:04:05Z" || happened.Role != registrations.Opens {
		t.Errorf("history %+v", happened)
	}
	response, text := r.get(t, "/", "", http.MethodGet)
	for _, want := range []string{customer, roleArn, "2026-01-02T03:04:05Z", "12345", "2099-12-31T00:00:00Z", "approved", "dismissed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(text, "<script") || strings.Contains(text, externalID) {
		t.Errorf("the page has a script or an external ID:\n%s", text)
	}
	if policy := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "script") {
		t.Errorf("the page's policy is %q", policy)
	}
}

func TestAdminAnswersToALoopbackHostOnly(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	for host, want := range map[string]int{
		"": 200, "localhost": 200, "localhost:1234": 200, "127.0.0.1": 200, "[::1]:80": 200, "[::1]": 200,
		"evil.example": 421, "evil.example:80": 421, "10.0.0.1": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421,
	} {
		for _, path := range []string{"/", "/v1/registrations", "/page.css"} {
			if response, _ := r.get(t, path, host, http.MethodGet); response.StatusCode != want {
				t.Errorf("%s at host %q is %d, want %d", path, host, response.StatusCode, want)
			}
		}
	}
	for path, want := range map[string]int{"/": 405, "/v1/registrations": 405} {
		if response, _ := r.get(t, path, "", http.MethodPost); response.StatusCode != want {
			t.Errorf("POST %s is %d, want %d", path, response.StatusCode, want)
		}
	}
	if response, _ := r.get(t, "/other", "", http.MethodGet); response.StatusCode != 404 {
		t.Errorf("/other is %d", response.StatusCode)
	}
}
