package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// grant is one stack of the published template, from launch to delete.
type grant struct {
	*stage
	template template.Template
	stack    string
	ticket   string
	endpoint string      // where the function registers; empty is the template's own
	customer aws.Config  // the account that launches it
	account  string      // its number
	engineer *aws.Config // a session of a role in DoiT's account, where there is one
	world    *world      // what only the local cloud has; nil in a real account
	pause    time.Duration

	stackID string
	outputs map[string]string
	ended   bool
	seen    map[string]bool  // stack events
	session *aws.Credentials // DoiT's engineer, inside
}

// play goes through a grant's whole life. An error is what kept it from going
// on; what merely went wrong is counted by the stage.
func (g *grant) play(ctx context.Context) error {
	for _, act := range []func(context.Context) error{
		g.launch, g.resolved, g.told, g.door, g.inside, g.forged, g.dismiss, g.approve, g.refusedUpdate, g.end,
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

// parameters are all that is set; the rest stays as published.
func (g *grant) parameters(set map[string]string) []types.Parameter {
	var all []types.Parameter
	for name := range g.template.Parameters {
		parameter := types.Parameter{ParameterKey: &name}
		value, isSet := set[name]
		switch {
		case isSet:
			parameter.ParameterValue = &value
		case g.stackID != "":
			parameter.UsePreviousValue = aws.Bool(true)
		default:
			continue
		}
		all = append(all, parameter)
	}
	return all
}

// update changes parameters of the stack and nothing else.
func (g *grant) update(ctx context.Context, set map[string]string) (status string, events []types.StackEvent, err error) {
	_, err = g.cloudformation().UpdateStack(ctx, &cloudformation.UpdateStackInput{
		StackName: &g.stackID, UsePreviousTemplate: aws.Bool(true),
		Parameters: g.parameters(set), Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	})
	if err != nil {
		return "", nil, fmt.Errorf("update stack %s: %w", g.stack, err)
	}
	return g.follow(ctx)
}

// knock assumes SupportRole.
func (g *grant) knock(ctx context.Context, as aws.Config, externalID, session string) (aws.Credentials, error) {
	input := &sts.AssumeRoleInput{RoleArn: aws.String(g.outputs["RoleArn"]), RoleSessionName: &session}
	if externalID != "" {
		input.ExternalId = &externalID
	}
	return localcloud.Assume(ctx, as, input)
}

// as is the customer's account, seen by somebody else.
func (g *grant) as(who aws.Credentials) aws.Config {
	config := g.customer.Copy()
	config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return who, nil })
	return config
}

// refused shows whether AWS refused a call for lack of a permission, and not
// for any other reason.
func (s *stage) refused(voice style, what string, err error) {
	var refusal smithy.APIError
	switch {
	case err == nil:
		s.check(voice, false, what, "was let through")
	case errors.As(err, &refusal) && strings.HasPrefix(refusal.ErrorCode(), "AccessDenied"):
		s.check(voice, true, what, refusal.ErrorCode())
	default:
		s.check(voice, false, what, err.Error())
	}
}

// allowed shows whether a call went through.
func (s *stage) allowed(voice style, what, seen string, err error) {
	if err != nil {
		seen = err.Error()
	}
	s.check(voice, err == nil, what, seen)
}
