package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/doitintl/aws-ro-access/scripts/internal/endpoint"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/values"
)

// golden is the vector that the function, the endpoint and the document share.
type golden struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Region, Time, Audience                     string
	Body, BodySHA256, URL                      string
}

func readGolden(t *testing.T) golden {
	t.Helper()
	text, err := repo.ReadFile("lambda/testdata/proof.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g golden) header() http.Header { return headerFor(g.URL, []byte(g.Body)) }

func headerFor(proof string, body []byte) http.Header {
	sum := sha256.Sum256(body)
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "doit-aws-ro-access/1.0.0")
	h.Set("Idempotency-Key", hex.EncodeToString(sum[:]))
	h.Set("X-DoiT-Caller-Identity", proof)
	return h
}

func post(t *testing.T) *openapi3.Operation {
	t.Helper()
	route, err := register()
	if err != nil {
		t.Fatal(err)
	}
	return route.Operation
}

func TestTheExampleIsTheGoldenVector(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	operation := post(t)

	if got := operation.Parameters.GetByInAndName("header", "X-DoiT-Caller-Identity").Example; got != g.URL {
		t.Errorf("the example of the proof is\n%v\nwant\n%s", got, g.URL)
	}
	if got := operation.Parameters.GetByInAndName("header", "Idempotency-Key").Example; got != g.BodySHA256 {
		t.Errorf("the example of the Idempotency-Key is %v, want %s", got, g.BodySHA256)
	}
	var body any
	if err := json.Unmarshal([]byte(g.Body), &body); err != nil {
		t.Fatal(err)
	}
	example := operation.RequestBody.Value.Content["application/json"].Examples["create"]
	if got := example.Value.Value; !reflect.DeepEqual(got, body) {
		t.Errorf("the example of the body is %v, want %v", got, body)
	}
	route, err := register()
	if err != nil {
		t.Fatal(err)
	}
	vector := reflect.ValueOf(g)
	for i := range vector.NumField() {
		name, value := vector.Type().Field(i).Name, vector.Field(i).String()
		if name != "URL" && !strings.Contains(route.Spec.Info.Description, value) {
			t.Errorf("the worked example lacks %s: %s", name, value)
		}
	}
}

func TestTheGoldenRequestIsTheContracts(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	if err := Request(g.header(), []byte(g.Body)); err != nil {
		t.Error(err)
	}
}

func TestAMemberIsThereOrNotAsTheContractSays(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	always := []string{"requestType", "requestId", "stackId", "accountId", "region", "roleArn"}
	for _, member := range values.Read(t).Members {
		for _, requestType := range []string{"Create", "Update", "Delete"} {
			neededHere := member.Name == "externalId" && requestType != "Delete"
			mayLack := !neededHere && !slices.Contains(always, member.Name)
			var members map[string]string
			if err := json.Unmarshal([]byte(g.Body), &members); err != nil {
				t.Fatal(err)
			}
			members["requestType"] = requestType
			delete(members, member.Name)
			body := marshal(t, members)
			err := Request(headerFor(g.URL, body), body)
			if mayLack {
				if err != nil {
					t.Errorf("a %s without %s is refused: %v", requestType, member.Name, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), member.Name) {
				t.Errorf("a %s without %s should be refused by its name, and not as %v", requestType, member.Name, err)
			}
		}
	}
	for _, name := range []string{"roleArnn", "rolearn", "RoleArn", ""} {
		body := with(t, g, map[string]string{name: "arn:aws:iam::111122223333:role/a"})
		if err := Request(headerFor(g.URL, body), body); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("an unknown member %q should be refused by its name, and not as %v", name, err)
		}
	}
}

func TestAMemberIsAString(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	var members map[string]any
	if err := json.Unmarshal([]byte(g.Body), &members); err != nil {
		t.Fatal(err)
	}
	for name := range members {
		for _, value := range []any{nil, 12345, true, []string{"12345"}, map[string]string{}} {
			changed := maps.Clone(members)
			changed[name] = value
			body := marshal(t, changed)
			if err := Request(headerFor(g.URL, body), body); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s as %v: %v", name, value, err)
			}
		}
	}
	for _, body := range []string{"", "[]", "null", `"x"`, g.Body + "x"} {
		if err := Request(headerFor(g.URL, []byte(body)), []byte(body)); err == nil {
			t.Errorf("the body %q is taken", body)
		}
	}
}

func TestEveryRuleOfAHeaderHolds(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	proof := func(old, new string) func(http.Header) {
		return func(h http.Header) {
			changed := strings.Replace(g.URL, old, new, 1)
			if changed == g.URL {
				t.Errorf("the golden proof has no %q", old)
			}
			h.Set("X-DoiT-Caller-Identity", changed)
		}
	}
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	tests := map[string]func(http.Header){
		"no Content-Type":               func(h http.Header) { h.Del("Content-Type") },
		"another Content-Type":          set("Content-Type", "text/plain"),
		"two Content-Types":             func(h http.Header) { h.Add("Content-Type", "application/json") },
		"no Idempotency-Key":            func(h http.Header) { h.Del("Idempotency-Key") },
		"another body's key":            set("Idempotency-Key", strings.Repeat("0", 64)),
		"a key in upper case":           set("Idempotency-Key", strings.ToUpper(g.BodySHA256)),
		"no proof":                      func(h http.Header) { h.Del("X-DoiT-Caller-Identity") },
		"two proofs":                    func(h http.Header) { h.Add("X-DoiT-Caller-Identity", g.URL) },
		"a proof without TLS":           proof("https:", "http:"),
		"a proof of another host":       proof("amazonaws.com/", "amazonaws.com.evil.example/"),
		"a proof of the global STS":     proof("sts.eu-west-1.", "sts."),
		"a proof with a port":           proof("amazonaws.com/", "amazonaws.com:443/"),
		"a proof with user info":        proof("https://", "https://a@"),
		"a proof with a path":           proof("/?", "/x?"),
		"a proof of another action":     proof("GetCallerIdentity", "GetSessionToken"),
		"a proof of a long-term key":    proof("ASIA", "AKIA"),
		"a proof of another service":    proof("%2Fsts%2F", "%2Fiam%2F"),
		"a proof with a date in words":  proof("X-Amz-Date=20261124T100005Z", "X-Amz-Date=now"),
		"a proof of another life":       proof("X-Amz-Expires=60", "X-Amz-Expires=900"),
		"a proof without a token":       proof("&X-Amz-Security-Token="+url.QueryEscape(g.SessionToken), ""),
		"a proof with a raw token":      proof("%2Btoken", "+token"),
		"a proof that is encoded twice": proof("%2Btoken", "%252Btoken"),
		"a proof with fewer headers":    proof("%3Bx-doit-audience", ""),
		"a proof with more headers":     proof("SignedHeaders=host", "SignedHeaders=accept%3Bhost"),
		"a proof in upper case":         proof("8998c83d", "8998C83D"),
		"a proof with a fragment":       set("X-DoiT-Caller-Identity", g.URL+"#"),
		"a proof with one key more":     set("X-DoiT-Caller-Identity", g.URL+"&a=b"),
		"a proof of more than 8 KiB":    proof("EXAMPLE%2B", strings.Repeat("a", 8192)+"%2B"),
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := g.header()
			change(h)
			if err := Request(h, []byte(g.Body)); err == nil {
				t.Errorf("taken: %v", h)
			}
		})
	}
}

func TestTheExamplesAreTheContracts(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	operation := post(t)
	for name, example := range operation.RequestBody.Value.Content["application/json"].Examples {
		body := marshal(t, example.Value.Value)
		if err := Request(headerFor(g.URL, body), body); err != nil {
			t.Errorf("the example %s: %v", name, err)
		}
	}
	for _, a := range answers(t) {
		if err := Response(a.status, answerHeader(a.status), a.body); err != nil {
			t.Errorf("the example %s of %d: %v", a.name, a.status, err)
		}
	}
}

// An answer is an example of the document.
type answer struct {
	status int
	name   string
	body   []byte
}

// answers are the examples of all answers that have content.
func answers(t *testing.T) []answer {
	t.Helper()
	var all []answer
	for code, response := range post(t).Responses.Map() {
		status, err := strconv.Atoi(code)
		if err != nil {
			t.Fatal(err)
		}
		for _, media := range response.Value.Content {
			for name, example := range media.Examples {
				body := marshal(t, example.Value.Value)
				all = append(all, answer{status: status, name: name, body: body})
			}
		}
	}
	return all
}

func answerHeader(status int) http.Header {
	h := http.Header{"Content-Type": {"application/problem+json"}}
	switch status {
	case 200:
		h.Set("Content-Type", "application/json")
	case 405:
		h.Set("Allow", "POST")
	case 425, 429, 503:
		h.Set("Retry-After", "2")
	}
	return h
}

func TestEveryRuleOfAnAnswerHolds(t *testing.T) {
	t.Parallel()
	for _, a := range answers(t) {
		status, name, body := a.status, a.name, a.body
		reject := func(what string, status int, h http.Header, body []byte) {
			t.Helper()
			if err := Response(status, h, body); err == nil {
				t.Errorf("%s of %d is taken with %s", name, status, what)
			}
		}
		header := func(change func(http.Header)) http.Header {
			h := answerHeader(status)
			change(h)
			return h
		}
		reject("another media type", status, header(func(h http.Header) { h.Set("Content-Type", "text/html") }), body)
		reject("no media type", status, header(func(h http.Header) { h.Del("Content-Type") }), body)
		reject("no body", status, answerHeader(status), nil)
		reject("an unknown member", status, answerHeader(status), append([]byte(`{"externalId":"x",`), body[1:]...))
		reject("an undocumented status", 418, answerHeader(status), body)
		reject("a proxy's status", 500, answerHeader(status), body)
		switch status {
		case 200:
			reject("an empty id", status, answerHeader(status), []byte(`{"registrationId":""}`))
			reject("no id", status, answerHeader(status), []byte(`{}`))
			reject("an id that is a number", status, answerHeader(status), []byte(`{"registrationId":1}`))
			continue
		case 405:
			reject("no Allow", status, header(func(h http.Header) { h.Del("Allow") }), body)
			reject("another Allow", status, header(func(h http.Header) { h.Set("Allow", "GET") }), body)
		case 425, 429, 503:
			reject("no Retry-After", status, header(func(h http.Header) { h.Del("Retry-After") }), body)
			reject("a Retry-After of words", status, header(func(h http.Header) { h.Set("Retry-After", "soon") }), body)
		}
		var members map[string]any
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatal(err)
		}
		for member, others := range map[string][]any{
			"type": {"about:blank", 1}, "title": {"", 1}, "status": {499, strconv.Itoa(status)}, "detail": {"", 1},
		} {
			for _, other := range others {
				changed := maps.Clone(members)
				changed[member] = other
				reject(fmt.Sprintf("%s as %v", member, other), status, answerHeader(status), marshal(t, changed))
			}
			changed := maps.Clone(members)
			delete(changed, member)
			reject("no "+member, status, answerHeader(status), marshal(t, changed))
		}
	}
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestEveryStatusWithoutADocumentIsTheProtocolsOrAProxys: whoever writes a caller
// finds out here what it may see besides an endpoint's own answers.
func TestEveryStatusWithoutADocumentIsTheProtocolsOrAProxys(t *testing.T) {
	t.Parallel()
	var bare []string
	for status, response := range post(t).Responses.Map() {
		if response.Value.Content == nil {
			bare = append(bare, status)
		}
	}
	slices.Sort(bare)
	// The reference endpoint is seen to give 417, 431, 501 and 505 (its TestHTTP1IsAllThatIsSpoken).
	if want := []string{"408", "417", "431", "500", "501", "502", "504", "505"}; !slices.Equal(bare, want) {
		t.Errorf("the contract lists %v without a document, want %v", bare, want)
	}
}

func TestRetryAfterMayBeATime(t *testing.T) {
	t.Parallel()
	for _, a := range answers(t) {
		if a.status != 503 {
			continue
		}
		h := answerHeader(a.status)
		h.Set("Retry-After", "Tue, 24 Nov 2026 10:00:05 GMT")
		if err := Response(a.status, h, a.body); err != nil {
			t.Error(err)
		}
	}
}

// The reference endpoint's table of refusals and the document's examples are
// one and the same, word for word.
func TestTheProblemsAreTheEndpoints(t *testing.T) {
	t.Parallel()
	const base = "https://registration.aws-ops.doit-intl.com/problems/"
	var endpoints []string
	for _, p := range endpoint.Problems() {
		detail := strings.Replace(p.Detail, "%s", "12345", 1)
		endpoints = append(endpoints, fmt.Sprintf("%d %s: %s: %s", p.Status, p.Type, p.Title, detail))
	}

	var documents []string
	for _, a := range answers(t) {
		if a.status == 200 {
			continue
		}
		var p struct{ Type, Title, Detail string }
		if err := json.Unmarshal(a.body, &p); err != nil {
			t.Fatal(err)
		}
		if p.Type != base+a.name {
			t.Errorf("the example %s shows the type %s", a.name, p.Type)
		}
		documents = append(documents, fmt.Sprintf("%d %s: %s: %s", a.status, p.Type, p.Title, p.Detail))
	}
	slices.Sort(endpoints)
	slices.Sort(documents)
	if len(endpoints) == 0 || !slices.Equal(endpoints, documents) {
		t.Errorf("the endpoint has\n%s\nthe document\n%s", strings.Join(endpoints, "\n"), strings.Join(documents, "\n"))
	}
	for status, response := range post(t).Responses.Map() {
		for media, content := range response.Value.Content {
			if types := content.Schema.Value.AllOf; len(types) > 1 {
				if enum := types[1].Value.Properties["type"].Value.Enum; len(enum) != len(content.Examples) {
					t.Errorf("%s %s has %d types and %d examples", status, media, len(enum), len(content.Examples))
				}
			}
		}
	}
}
