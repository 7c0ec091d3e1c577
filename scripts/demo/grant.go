package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const (
	stackName     = "doit-support-demo"
	ticket        = "12345"
	unknownTicket = "31337"
	jane          = ticket + "-jane" // the engineer's session
)

// grant is one stack of the published template, from launch to delete.
type grant struct {
	*stage
	*world
	template template.Template
	stackID  string
	outputs  map[string]string
	made     map[string]string // physical IDs by logical ones
	seen     map[string]bool   // stack events
	session  aws.Config        // DoiT's engineer, inside
	trail    *localcloud.Trail // what CloudTrail would hand on
}

// play goes through a grant's whole life. An error is what kept it from going
// on; what merely went wrong is counted by the stage.
func (g *grant) play(ctx context.Context) error {
	for _, act := range []func(context.Context) error{
		g.wrongAccount, g.launch, g.resolved, g.told, g.subscribe, g.door, g.inside, g.opened, g.widened, g.forged,
		g.dismiss, g.approve, g.refusedUpdate, g.end,
	} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (g *grant) cloudformation() *cloudformation.Client {
	return cloudformation.NewFromConfig(g.customer)
}

// update changes one parameter of the stack and nothing else.
func (g *grant) update(ctx context.Context, name, value string) (status string, events []types.StackEvent, err error) {
	g.say(customer, span{plain, "updates the stack: " + name + " "}, span{faint, value})
	var parameters []types.Parameter
	for other := range g.template.Parameters {
		if other != name {
			parameters = append(parameters, types.Parameter{ParameterKey: &other, UsePreviousValue: aws.Bool(true)})
		}
	}
	_, err = g.cloudformation().UpdateStack(ctx, &cloudformation.UpdateStackInput{
		StackName: &g.stackID, UsePreviousTemplate: aws.Bool(true),
		Parameters:   append(parameters, types.Parameter{ParameterKey: &name, ParameterValue: &value}),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	})
	if err != nil {
		return "", nil, fmt.Errorf("update stack %s: %w", stackName, err)
	}
	return g.follow(ctx)
}

// knock assumes SupportRole, and returns its session.
func (g *grant) knock(ctx context.Context, as aws.Config, externalID, session string) (aws.Config, error) {
	input := &sts.AssumeRoleInput{RoleArn: aws.String(g.outputs["RoleArn"]), RoleSessionName: &session}
	if externalID != "" {
		input.ExternalId = &externalID
	}
	inside, err := localcloud.Assume(ctx, as, input)
	return g.cloud.Config(region, inside), err
}

// again is what the door says to everything right.
func (g *grant) again(ctx context.Context) error {
	return second(g.knock(ctx, g.engineer, g.outputs["ExternalId"], jane))
}

func second[T any](_ T, err error) error { return err }

// refused shows whether AWS refused a call for lack of a permission, and not
// for any other reason.
func (s *stage) refused(voice style, what string, err error) {
	var refusal smithy.APIError
	switch {
	case err == nil:
		s.check(voice, false, what, "was let through")
	case errors.As(err, &refusal) && isDenial(refusal.ErrorCode()):
		s.check(voice, true, what, refusal.ErrorCode())
	default:
		s.check(voice, false, what+": "+err.Error(), "")
	}
}

// isDenial knows the words of all services that are called here.
func isDenial(code string) bool {
	return strings.HasPrefix(code, "AccessDenied") || code == "AuthorizationError"
}

// allowed shows whether a call went through.
func (s *stage) allowed(voice style, what, seen string, err error) {
	if err != nil {
		what, seen = what+": "+err.Error(), ""
	}
	s.check(voice, err == nil, what, seen)
}
