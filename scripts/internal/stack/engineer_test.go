package stack

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/doitintl/aws-ro-access/scripts/internal/awscli"
	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

const notAssumed = "not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::" + account + ":role/doit/"

// The commands of scripts/endpoint/ENGINEER.md, in the order in which they stand.
type howTo struct{ find, enter, see, open, leave string }

func readHowTo(t *testing.T) howTo {
	t.Helper()
	text, err := repo.ReadFile("scripts/endpoint/ENGINEER.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```bash\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 5 {
		t.Fatalf("ENGINEER.md has %d pieces of commands, not 5", len(blocks))
	}
	return howTo{
		find: blocks[0][1], enter: blocks[1][1], see: blocks[2][1], open: blocks[3][1], leave: blocks[4][1],
	}
}

// federation answers as AWS's federation endpoint does, and its TLS is none.
func federation(t *testing.T) (home string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var session struct{ SessionID, SessionKey, SessionToken string }
		query := r.URL.Query()
		const right = "signin.aws.amazon.com/federation getSigninToken"
		if asked := r.Host + r.URL.Path + " " + query.Get("Action"); asked != right {
			t.Errorf("it asks for %s, not %s", asked, right)
		}
		if err := json.Unmarshal([]byte(query.Get("Session")), &session); err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(session.SessionID, "ASIA") || session.SessionKey == "" || session.SessionToken == "" {
			t.Error("the session that is handed on is not whole")
		}
		if err := json.NewEncoder(w).Encode(map[string]string{"SigninToken": "a-token_of-AWS"}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	home = t.TempDir()
	rules := "insecure\nconnect-to = \"signin.aws.amazon.com:443:" + server.Listener.Addr().String() + "\"\n"
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

// TestFromARegistrationToASession runs the how-to as it stands.
func TestFromARegistrationToASession(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("there is no curl, which the how-to uses: install it (.ci/run does)")
	}
	commands := readHowTo(t)
	s := newCustomer(t).launch(parameters{"TicketId": openTicket, "AccessExpires": "2099-12-31T00:00:00Z"})
	commands.find = strings.NewReplacer(
		"TICKET=12345", "TICKET="+openTicket, "ACCOUNT=111122223333", "ACCOUNT="+account,
		"ADMIN=http://127.0.0.1:8080", "ADMIN="+s.endpoint.Admin).Replace(commands.find)
	home := federation(t)
	as := func(who aws.Config, script string) (printed, said string, err error) {
		t.Helper()
		credentials, err := who.Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return awscli.Run(t, script, "HOME="+home, "USER=jane", "AWS_ENDPOINT_URL="+cloud.URL,
			"AWS_DEFAULT_REGION="+region, "AWS_ACCESS_KEY_ID="+credentials.AccessKeyID,
			"AWS_SECRET_ACCESS_KEY="+credentials.SecretAccessKey, "AWS_SESSION_TOKEN="+credentials.SessionToken)
	}

	whole := commands.find + commands.enter + commands.see + commands.open + commands.leave + "env\n"
	printed, said, err := as(engineer, whole)
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	who := "arn:aws:sts::" + account + ":assumed-role/" + s.roleName() + "/" + openTicket + "-jane\n"
	console := "https://signin.aws.amazon.com/federation?Action=login&Issuer=DoiT&Destination=" +
		"https%3A%2F%2Fconsole.aws.amazon.com%2Fconsole%2Fhome%3Fregion%3D" + region + "&SigninToken=a-token_of-AWS\n"
	if !strings.HasPrefix(printed, who+console) {
		t.Errorf("it prints\n%s\nwant\n%s%s", printed, who, console)
	}
	rest := strings.TrimPrefix(printed, who+console)
	if strings.Contains(rest, "AWS_SESSION_TOKEN") || strings.Contains(rest, s.outputs["ExternalId"]) {
		t.Errorf("it leaves behind\n%s", rest)
	}

	// Each AccessDenied of the tables that one account can show: the emulator gives sessions of any length.
	found := "TICKET=" + openTicket + " REGION=" + region + " ROLE_ARN=" + s.outputs["RoleArn"] +
		" EXTERNAL_ID=" + s.outputs["ExternalId"] + "\n"
	for _, c := range []struct {
		name         string
		as           aws.Config
		old, changed string // in the command
		then         string
		says         []string
	}{
		{name: "another session name", as: engineer, old: `"$TICKET-$USER"`, changed: `"$USER"`,
			says: []string{notAssumed}},
		{name: "no external ID", as: engineer, old: ` --external-id "$EXTERNAL_ID"`, says: []string{notAssumed}},
		{name: "an IAM user of DoiT's", as: doitUser, says: []string{notAssumed}},
		{name: "another account", as: stranger, says: []string{notAssumed}},
		{name: "a session tag", as: engineer, old: "assume-role ", changed: "assume-role --tags Key=k,Value=v ",
			says: []string{"not authorized to perform: sts:TagSession"}},
		{name: "inside", as: engineer,
			then: "aws secretsmanager get-secret-value --secret-id none\naws iam create-user --user-name mallory\n",
			says: []string{"explicit deny in an identity-based policy", "no identity-based policy allows"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := found + strings.Replace(commands.enter, c.old, c.changed, 1) + c.then
			_, said, err := as(c.as, script)
			for _, words := range append(c.says, "AccessDenied") {
				if !strings.Contains(said, words) {
					t.Errorf("it says %q (%v), want %q", said, err, words)
				}
			}
		})
	}

	// Dismissed, the registration is not found any more; who is inside loses all but the word who he is.
	t.Run("dismissed", func(t *testing.T) {
		entered, said, err := as(engineer, found+commands.enter+"env | grep ^AWS_")
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		if status := s.update(parameters{"Access": "dismissed"}); status != "UPDATE_COMPLETE" {
			t.Fatalf("the dismissal comes to %s", status)
		}
		still := "export " + strings.Join(strings.Fields(entered), " ") + "\n"
		printed, said, _ := as(engineer, still+"REGION="+region+"\n"+commands.see+"aws iam list-roles")
		if printed != who || !strings.Contains(said, "explicit deny in an identity-based policy") {
			t.Errorf("who is inside reads %s: %s", printed, said)
		}
		printed, said, err = as(engineer, commands.find+`echo "found: $ROLE_ARN"`)
		if printed != "found: \n" {
			t.Errorf("the registration of a dismissed access is %s (%v: %s)", printed, err, said)
		}
	})
}

// TestTheHowToFindsOneRegistrationOnAnyPage asks a listener of four pages, where
// an earlier customer's values are still in the shell.
func TestTheHowToFindsOneRegistrationOnAnyPage(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("there is no curl, which the how-to uses: install it (.ci/run does)")
	}
	row := func(id, ticket, status string) registrations.Registration {
		return registrations.Registration{
			RegistrationID: id, AccountID: account, Region: region, RoleArn: "arn-of-" + id, ExternalID: "it's " + id,
			TicketID: ticket, Status: status,
		}
	}
	pages := map[string][]registrations.Registration{
		"":  {row("a", "1", registrations.Active), row("b", "2", registrations.Active)},
		"b": {row("c", "2", registrations.Active), row("d", "3", registrations.Suspended)},
		"d": {row("e", "3", registrations.Deleted), row("f", "4", registrations.Active)},
		"f": {row("g", "", registrations.Active)},
		"g": {},
	}
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Query().Get("after")]
		if !ok || r.URL.Path != "/v1/registrations" {
			t.Errorf("it asks for %s", r.URL)
		}
		if err := json.NewEncoder(w).Encode(page); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(admin.Close)
	find := readHowTo(t).find
	for ticket, want := range map[string]string{
		"1": region + " arn-of-a it's a",
		"2": "There are 2 active registrations of this account and ticket, not one.",
		"3": "There are 0 active registrations of this account and ticket, not one.",
		"4": region + " arn-of-f it's f",
		"":  region + " arn-of-g it's g",
	} {
		script := "export REGION=before ROLE_ARN=before EXTERNAL_ID=before\n" + strings.NewReplacer("TICKET=12345",
			"TICKET="+ticket, "ACCOUNT=111122223333", "ACCOUNT="+account,
			"ADMIN=http://127.0.0.1:8080", "ADMIN="+admin.URL).Replace(find) + `echo "$REGION $ROLE_ARN $EXTERNAL_ID"`
		printed, said, err := awscli.Run(t, script)
		if got := strings.TrimSpace(said + printed); got != want || err != nil {
			t.Errorf("ticket %q: it finds %q (%v), want %q", ticket, got, err, want)
		}
	}
}
