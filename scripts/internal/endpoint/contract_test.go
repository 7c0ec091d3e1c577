package endpoint

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// TestTheContractNamesTheEndpointsLimits: callers are written by its prose, which
// nothing else holds against the numbers here.
func TestTheContractNamesTheEndpointsLimits(t *testing.T) {
	t.Parallel()
	const file = "template/registration.openapi.yaml"
	text, err := repo.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o, err := parseOptions([]string{"-cert", "x", "-key", "x"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	l := o.limits
	prose := strings.Join(strings.Fields(string(text)), " ")
	const netHTTPs = 4 << 10 // what net/http takes of headers beyond what it is told
	for _, phrase := range []string{
		fmt.Sprintf("The proof has at most %s and the body at most %s: 413.", kib(proofLimit), kib(bodyLimit)),
		fmt.Sprintf("The body arrives within %s seconds: 400.", inWords(l.body, time.Second)),
		fmt.Sprintf("The proof's time is within %s minutes of the clock: 401.", inWords(proofWindow, time.Minute)),
		fmt.Sprintf("`issuedAt` is at most %s minutes ahead of the clock: 400.", inWords(proofWindow, time.Minute)),
		fmt.Sprintf("for %s seconds and %s of answer at most", inWords(l.identity, time.Second), kib(stsAnswerLimit)),
		fmt.Sprintf("A request has %s seconds from its first byte", inWords(l.request.Round(time.Second), time.Second)),
		fmt.Sprintf("(the question who signed, %s at the most)", inWords(l.identity, time.Second)),
		fmt.Sprintf("headers of %s (431)", kib(headerLimit+netHTTPs)),
		fmt.Sprintf("more than %s of headers.", kib(headerLimit+netHTTPs)),
		fmt.Sprintf("An idle connection is closed after %s seconds, and where %s are open,",
			inWords(l.idle, time.Second), number(o.connections)),
		fmt.Sprintf("%d questions who signed a proof at a time,", l.identityCalls),
		fmt.Sprintf("and apart from them %d looks at a role, %d of one account.", l.roleCalls, l.roleCallsOfAccount),
		fmt.Sprintf("%d Creates and Updates a second of one account, in bursts of %d;",
			o.perAccount, o.perAccount*burstSeconds),
		fmt.Sprintf("%s rows of one account.", number(l.rows)),
		fmt.Sprintf("A row keeps its newest %d events, and is forgotten %s days after its `Delete`.",
			l.history, inWords(forgotten, 24*time.Hour)),
		fmt.Sprintf("registered as active (check 7) the newest %s of an account are kept.", number(l.opened)),
	} {
		if !strings.Contains(prose, phrase) {
			t.Errorf("%s does not say %q", file, phrase)
		}
	}
}

// inWords counts the units of a time, as prose does.
func inWords(length, unit time.Duration) string {
	words := map[time.Duration]string{5: "five", 7: "seven", 9: "nine"}
	if word := words[length/unit]; word != "" && length%unit == 0 {
		return word
	}
	return fmt.Sprint(float64(length) / float64(unit))
}

func kib(bytes int) string { return fmt.Sprintf("%d KiB", bytes>>10) }

// number has a comma between its thousands.
func number(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
