package stack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// openTicket is the one that the endpoint of every test knows.
const openTicket = "12345"

// customer launches stacks under a name of its own, with an endpoint of its
// own. All do so in one account: the code's bucket can be in one only, and the
// emulator's Lambda looks for code in its own account's buckets.
type customer struct {
	*testing.T
	name     string
	config   aws.Config
	endpoint *localcloud.Endpoint
	front    *runtimeapi.Server // what the function speaks to, before the endpoint
	down     atomic.Bool
	deaf     atomic.Bool // the front says yes to everything and tells nobody
}

var customers atomic.Int64

func newCustomer(t *testing.T) *customer {
	t.Helper()
	found(t)
	c := &customer{T: t, name: fmt.Sprintf("customer%02d", customers.Add(1)), config: cloud.Root(account, region)}
	c.listen()
	return c
}

// listen starts the reference endpoint, and before it a server that can be
// down. Then it asks to be called again in an hour, for which nobody waits:
// the function gives up at once, and not after its twenty seconds of trying.
func (c *customer) listen() {
	c.Helper()
	var behind *url.URL
	var err error
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: certificate.Pool(), MinVersion: tls.VersionTLS12},
		},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.Out.Host = r.In.Host
		},
	}
	c.front, err = certificate.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.down.Load() {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if !c.deaf.Load() {
			proxy.ServeHTTP(w, r)
		}
	}))
	if err != nil {
		c.Fatal(err)
	}
	c.endpoint, err = cloud.StartEndpoint(c.Context(), endpointSession, certificate.File, certificate.KeyFile,
		"-audience", c.front.Host, "-tickets", openTicket)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(c.endpoint.Stop)
	// The front keeps its port while the cloud's functions live, so that none of them calls another's.
	c.Cleanup(func() { c.down.Store(true) })
	if behind, err = url.Parse(c.endpoint.URL); err != nil {
		c.Fatal(err)
	}
}

func (c *customer) registrationEndpoint() string {
	return "https://" + c.front.Host + "/v1/registrations"
}

// stack is one stack of the template.
type stack struct {
	*customer
	name    string
	id      string
	outputs map[string]string
}

type parameters map[string]string

// launch creates a stack from the template as published.
func (c *customer) launch(set parameters) *stack {
	c.Helper()
	s, status := c.create("", string(published.Body), set)
	if status != "CREATE_COMPLETE" {
		c.Fatalf("the stack came to %s: %s", status, s.reasons())
	}
	return s
}

// create creates a stack from any template, and returns what it came to.
func (c *customer) create(suffix, body string, set parameters) (*stack, string) {
	c.Helper()
	name := c.name + suffix
	s := &stack{customer: c, name: name}
	made, err := s.cloudformation().CreateStack(c.Context(), &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: &body, Parameters: c.parameters(set, false),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	})
	if err != nil {
		c.Fatal(err)
	}
	s.id = *made.StackId
	return s, s.settled()
}

// parameters are what was set, and the test's own endpoint.
func (c *customer) parameters(set parameters, update bool) (all []types.Parameter) {
	for name := range published.Parameters {
		value, ok := set[name]
		switch {
		case ok:
			all = append(all, types.Parameter{ParameterKey: &name, ParameterValue: &value})
		case update:
			all = append(all, types.Parameter{ParameterKey: &name, UsePreviousValue: aws.Bool(true)})
		case name == "RegistrationEndpoint":
			address := c.registrationEndpoint()
			all = append(all, types.Parameter{ParameterKey: &name, ParameterValue: &address})
		}
	}
	return all
}

// update changes parameters and returns what the stack came to.
func (s *stack) update(set parameters) string {
	s.Helper()
	if _, err := s.cloudformation().UpdateStack(s.Context(), &cloudformation.UpdateStackInput{
		StackName: &s.id, UsePreviousTemplate: aws.Bool(true), Parameters: s.parameters(set, true),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	}); err != nil {
		s.Fatal(err)
	}
	return s.settled()
}

func (s *stack) delete() string {
	s.Helper()
	_, err := s.cloudformation().DeleteStack(s.Context(), &cloudformation.DeleteStackInput{StackName: &s.id})
	s.must(err)
	return s.settled()
}

func (s *stack) cloudformation() *cloudformation.Client {
	return cloudformation.NewFromConfig(s.config)
}

// settled waits until the stack has come to rest, reads its outputs and
// returns its status.
func (s *stack) settled() string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	for {
		described, err := s.cloudformation().DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &s.id})
		if err != nil {
			s.Fatal(err)
		}
		if status := string(described.Stacks[0].StackStatus); !strings.HasSuffix(status, "_IN_PROGRESS") {
			s.outputs = map[string]string{}
			for _, output := range described.Stacks[0].Outputs {
				s.outputs[*output.OutputKey] = *output.OutputValue
			}
			return status
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// reasons are what the stack's events say of failures, the newest first.
func (s *stack) reasons() (all []string) {
	s.Helper()
	events, err := s.cloudformation().DescribeStackEvents(s.Context(), &cloudformation.DescribeStackEventsInput{
		StackName: &s.id,
	})
	if err != nil {
		s.Fatal(err)
	}
	for _, event := range events.StackEvents {
		if strings.HasSuffix(string(event.ResourceStatus), "_FAILED") {
			all = append(all, *event.LogicalResourceId+": "+aws.ToString(event.ResourceStatusReason))
		}
	}
	return all
}

// roleName is SupportRole's.
func (s *stack) roleName() string { return nameOf(s.outputs["RoleArn"]) }

func nameOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// knock assumes SupportRole with the external ID; empty is without.
func (s *stack) knock(as aws.Config, externalID, session string) (aws.Config, error) {
	input := &sts.AssumeRoleInput{RoleArn: aws.String(s.outputs["RoleArn"]), RoleSessionName: &session}
	if externalID != "" {
		input.ExternalId = &externalID
	}
	got, err := localcloud.Assume(s.Context(), as, input)
	return cloud.Config(region, got), err
}

// enter is a session of DoiT's engineer.
func (s *stack) enter() aws.Config {
	s.Helper()
	session, err := s.knock(engineer, s.outputs["ExternalId"], openTicket+"-jane")
	if err != nil {
		s.Fatal(err)
	}
	return session
}

// wantRefused fails unless AWS refused a call for lack of a permission.
func (c *customer) wantRefused(what string, err error) {
	c.Helper()
	if !refused(err) {
		c.Errorf("%s: %v, want AccessDenied", what, err)
	}
}

func refused(err error) bool {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return false
	}
	return strings.HasPrefix(refusal.ErrorCode(), "AccessDenied") || refusal.ErrorCode() == "AuthorizationError" // SNS
}

// wantRegistration fails unless the endpoint has the stack so.
func (s *stack) wantRegistration(status, ticket string) {
	s.Helper()
	rows, err := s.endpoint.Registrations(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	at := slices.IndexFunc(rows, func(row localcloud.Registration) bool { return row.StackID == s.id })
	if at < 0 {
		s.Errorf("stack %s is not registered, want it %s", s.name, status)
		return
	}
	if row := rows[at]; row.Status != status || row.TicketID != ticket {
		s.Errorf("stack %s is %s with ticket %q, want %s with %q", s.name, row.Status, row.TicketID, status, ticket)
	}
}

// wantNothingLeft fails if anything that this customer's stacks made is there.
func (c *customer) wantNothingLeft() {
	c.Helper()
	for _, name := range slices.Concat(c.roles(), c.policies(), c.functions(), c.logGroups()) {
		if strings.Contains(name, c.name) {
			c.Errorf("%s is left", name)
		}
	}
}
