package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const registrationFunction = "RegistrationFunction"

// compareFunction looks at $LATEST, which is what CloudFormation invokes.
func compareFunction(ctx context.Context, r *report, client *lambda.Client, s *stack) error {
	want, err := s.properties(registrationFunction)
	if err != nil {
		return err
	}
	pin, err := s.properties("RegistrationFunctionVersion")
	if err != nil {
		return err
	}
	name := s.physical[registrationFunction]
	got, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok || name == "" {
		r.compare(registrationFunction, "", []string{"the function " + name + " is gone"})
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the function %s: %w", name, err)
	}
	r.title("%s, the function %s", registrationFunction, name)
	code := aws.ToString(got.CodeSha256)
	r.compare("CodeSha256", code,
		unless(code == pin["CodeSha256"], "the function runs other code: %s, not %s", code, pin["CodeSha256"]))
	r.compare("runtime",
		fmt.Sprintf("%v on %v, starts %v, no layers, no queue for lost events", want["Runtime"], want["Architectures"],
			want["Handler"]),
		runtimeDiffers(got, want))
	r.compare("environment", "the variables are those of the template", environmentDiffers(got, want))
	role := aws.ToString(got.Role)
	r.compare("role", "it runs as "+registrationRole,
		unless(role == want["Role"], "it runs as %s, not %s: it can do what that role can", role, want["Role"]))
	return compareRetries(ctx, r, client, s, name)
}

// compareRetries looks at how often, and to whom, Lambda delivers an event.
func compareRetries(ctx context.Context, r *report, client *lambda.Client, s *stack, name string) error {
	want, err := s.properties("RegistrationRetries")
	if err != nil {
		return err
	}
	got, err := client.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{
		FunctionName: &name, Qualifier: aws.String(fmt.Sprint(want["Qualifier"])),
	})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		r.compare("retries", "",
			[]string{"the rule for lost events is gone: Lambda delivers one twice more, for six hours"})
		return nil
	}
	if err != nil {
		return fmt.Errorf("read how the function %s is retried: %w", name, err)
	}
	var differences []string
	tries := fmt.Sprint(aws.ToInt32(got.MaximumRetryAttempts))
	age := fmt.Sprint(aws.ToInt32(got.MaximumEventAgeInSeconds))
	if tries != want["MaximumRetryAttempts"] || age != want["MaximumEventAgeInSeconds"] {
		differences = append(differences,
			fmt.Sprintf("a lost event is delivered %s times more, for %s seconds", tries, age))
	}
	// What Lambda hands on there is the whole event, with the external ID and the address that CloudFormation waits at.
	var destinations []*string
	if to := got.DestinationConfig; to != nil && to.OnSuccess != nil {
		destinations = append(destinations, to.OnSuccess.Destination)
	}
	if to := got.DestinationConfig; to != nil && to.OnFailure != nil {
		destinations = append(destinations, to.OnFailure.Destination)
	}
	for _, arn := range destinations {
		if aws.ToString(arn) != "" {
			differences = append(differences, "each event, with the external ID, also goes to "+*arn)
		}
	}
	r.compare("retries", "a lost event is delivered once more, and goes nowhere else", differences)
	return nil
}

func runtimeDiffers(got *lambda.GetFunctionConfigurationOutput, want map[string]any) []string {
	var architectures []any
	for _, a := range got.Architectures {
		architectures = append(architectures, string(a))
	}
	var differences []string
	for _, p := range []struct {
		name string
		got  any
	}{
		{"Runtime", string(got.Runtime)},
		{"Handler", aws.ToString(got.Handler)},
		{"Architectures", architectures},
		{"MemorySize", aws.ToInt32(got.MemorySize)},
		{"Timeout", aws.ToInt32(got.Timeout)},
	} {
		if fmt.Sprint(p.got) != fmt.Sprint(want[p.name]) {
			differences = append(differences, fmt.Sprintf("%s is %v, not %v", p.name, p.got, want[p.name]))
		}
	}
	// A layer's files are there when the function starts, extensions run beside it.
	for _, layer := range got.Layers {
		differences = append(differences, "the layer "+aws.ToString(layer.Arn)+" was added")
	}
	if lost := got.DeadLetterConfig; lost != nil && aws.ToString(lost.TargetArn) != "" {
		differences = append(differences,
			"each event that is lost, with the external ID, also goes to "+aws.ToString(lost.TargetArn))
	}
	if got.VpcConfig != nil && len(got.VpcConfig.SubnetIds) > 0 {
		differences = append(differences, "it was put into the VPC "+aws.ToString(got.VpcConfig.VpcId))
	}
	return differences
}

func environmentDiffers(got *lambda.GetFunctionConfigurationOutput, want map[string]any) []string {
	has := map[string]string{}
	if got.Environment != nil {
		has = got.Environment.Variables
	}
	wanted := map[string]string{}
	if environment, ok := want["Environment"].(map[string]any); ok {
		variables, _ := environment["Variables"].(map[string]any)
		for name, value := range variables {
			wanted[name] = fmt.Sprint(value)
		}
	}
	var differences []string
	for _, name := range slices.Sorted(maps.Keys(has)) {
		value, ok := wanted[name]
		switch {
		case !ok:
			// Whatever it holds is nobody's but the account's.
			differences = append(differences, "the variable "+name+" was added")
		case value != has[name]:
			differences = append(differences,
				fmt.Sprintf("%s is %s, not %s", name, strings.TrimSpace(has[name]), value))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if _, ok := has[name]; !ok {
			differences = append(differences, "the variable "+name+" is gone")
		}
	}
	return differences
}
