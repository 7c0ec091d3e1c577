package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/venv"
)

// launcherPolicy is all that somebody needs who launches, updates and deletes a
// stack that a link names, doit-support and more. Customers copy it.
func launcherPolicy(t *testing.T) string {
	t.Helper()
	body, err := repo.ReadFile("template/launcher.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// unused are what AWS's resource types ask for in their handlers for what this
// template does not use.
var unused = map[string]string{
	"tags": "iam:TagRole iam:UntagRole lambda:TagResource lambda:UntagResource logs:TagResource " +
		"logs:UntagResource sns:TagResource sns:UntagResource events:TagResource events:UntagResource",
	"inline policies":  "iam:PutRolePolicy iam:GetRolePolicy iam:DeleteRolePolicy",
	"users and groups": "iam:AttachUserPolicy iam:DetachUserPolicy iam:AttachGroupPolicy iam:DetachGroupPolicy",
	"a VPC":            "ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcs ec2:DescribeNetworkInterfaces",
	"files":            "elasticfilesystem:DescribeMountTargets s3files:ListMountTargets",
	"a key": "kms:CreateGrant kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey logs:AssociateKmsKey " +
		"logs:DisassociateKmsKey",
	"signing": "lambda:GetCodeSigningConfig lambda:PutFunctionCodeSigningConfig " +
		"lambda:DeleteFunctionCodeSigningConfig",
	"layers": "lambda:GetLayerVersion",
	"concurrency": "lambda:PutFunctionConcurrency lambda:DeleteFunctionConcurrency " +
		"lambda:PutProvisionedConcurrencyConfig",
	"settings of a function": "lambda:PutRuntimeManagementConfig lambda:PutFunctionRecursionConfig " +
		"lambda:PutFunctionScalingConfig lambda:PassCapacityProvider lambda:AssociateRuntimeAlias",
	"versions of the zip": "s3:GetObjectVersion",
	"settings of a log": "logs:PutDataProtectionPolicy logs:DeleteDataProtectionPolicy logs:CreateLogDelivery " +
		"s3:REST.PUT.OBJECT firehose:TagDeliveryStream logs:PutResourcePolicy logs:DeleteResourcePolicy " +
		"logs:PutIndexPolicy logs:DeleteIndexPolicy logs:DeleteRetentionPolicy " +
		"logs:PutBearerTokenAuthentication logs:PutLogGroupDeletionProtection",
	"settings of a topic": "sns:PutDataProtectionPolicy",
}

// handlers are what AWS says that each resource type of the stack needs of
// whoever makes, reads, changes and deletes it: its registry's schemas, as
// cfn-lint carries them.
func handlers(t *testing.T, kinds []string) map[string][]string {
	t.Helper()
	python, err := venv.Install(t.Context(), "checks", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	program := `import cfnlint, glob, json, os, sys
found = {}
schemas = os.path.join(os.path.dirname(cfnlint.__file__), "data", "schemas", "**", "*.json")
for path in glob.glob(schemas, recursive=True):
    schema = json.load(open(path))
    if isinstance(schema, dict) and schema.get("typeName") in sys.argv[1:] and "handlers" in schema:
        names = ("create", "read", "update", "delete")
        needs = [schema["handlers"].get(name, {}).get("permissions", []) for name in names]
        found[schema["typeName"]] = sorted(set(sum(needs, [])))
print(json.dumps(found))
`
	ask := exec.CommandContext(t.Context(), python, append([]string{"-c", program}, kinds...)...) // #nosec G204 -- ours
	out, err := ask.Output()
	if err != nil {
		t.Fatal(err)
	}
	var found map[string][]string
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// launcher is a customer's administrator with no other rights than the policy's.
func launcher(t *testing.T) *customer {
	t.Helper()
	c := newCustomer(t)
	c.name = "doit-support-" + c.name
	user := c.name
	as, err := cloud.User(t.Context(), account, user, "sts:GetCallerIdentity")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := iam.NewFromConfig(cloud.Root(account, region)).PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: &user, PolicyName: aws.String("launcher"), PolicyDocument: aws.String(launcherPolicy(t)),
	}); err != nil {
		t.Fatal(err)
	}
	c.config = cloud.Config(region, as)
	return c
}

// TestTheLauncherNeedsNoMore launches, changes and deletes with the policy. The
// emulator's CloudFormation asks the launcher for its own actions only, so what
// it would do in his name is asked of the policy, with the names of what was made.
func TestTheLauncherNeedsNoMore(t *testing.T) {
	t.Parallel()
	c := launcher(t)
	s := c.launch(parameters{"TicketId": openTicket, "AccessExpires": "2099-12-31T00:00:00Z", "Notices": "on"})
	made, err := cloudformation.NewFromConfig(cloud.Root(account, region)).DescribeStackResources(t.Context(),
		&cloudformation.DescribeStackResourcesInput{StackName: &s.id})
	if err != nil {
		t.Fatal(err)
	}
	arns := map[string]map[string]string{} // by type, by logical ID
	for _, resource := range made.StackResources {
		kind := aws.ToString(resource.ResourceType)
		if strings.HasPrefix(kind, "Custom::") {
			continue // whose call is lambda:InvokeFunction, below
		}
		if arns[kind] == nil {
			arns[kind] = map[string]string{}
		}
		arns[kind][aws.ToString(resource.LogicalResourceId)] = arnOf(t, kind, aws.ToString(resource.PhysicalResourceId))
	}
	left := map[string]bool{}
	for _, words := range unused {
		for _, action := range strings.Fields(words) {
			left[action] = true
		}
	}
	needs := handlers(t, slices.Collect(maps.Keys(arns)))
	asked := map[string]bool{"lambda:InvokeFunction": true}
	for kind, named := range arns {
		if len(needs[kind]) == 0 {
			t.Errorf("nothing is known of what %s needs", kind)
		}
		for _, action := range needs[kind] {
			if left[action] {
				continue
			}
			asked[action] = true
			for id, arn := range named {
				if !allows(t, action, on(action, arn, s)) {
					t.Errorf("%s (%s) needs %s on %s", id, kind, action, on(action, arn, s))
				}
			}
		}
	}
	if !allows(t, "lambda:InvokeFunction", arns["AWS::Lambda::Function"]["RegistrationFunction"]) {
		t.Error("the function cannot be invoked")
	}
	for _, action := range actions(t) {
		if service, _, _ := strings.Cut(action, ":"); service != "cloudformation" && !asked[action] {
			t.Errorf("nothing needs %s", action)
		}
	}
	for action, arn := range map[string]string{
		"iam:CreateRole":             "arn:aws:iam::" + account + ":role/admin",
		"iam:PassRole":               "arn:aws:iam::" + account + ":role/admin",
		"lambda:UpdateFunctionCode":  "arn:aws:lambda:" + region + ":" + account + ":function:theirs",
		"logs:DeleteLogGroup":        "arn:aws:logs:" + region + ":" + account + ":log-group:theirs",
		"s3:GetObject":               "arn:aws:s3:::theirs/object",
		"cloudformation:DeleteStack": "arn:aws:cloudformation:" + region + ":" + account + ":stack/theirs/1",
	} {
		if allows(t, action, arn) {
			t.Errorf("the policy allows %s on %s", action, arn)
		}
	}

	for _, change := range []parameters{{"Access": "dismissed"}, {"Access": "approved", "Notices": "off"}} {
		if status := s.update(change); status != "UPDATE_COMPLETE" {
			t.Errorf("%v comes to %s: %q", change, status, s.reasons())
		}
	}
	if status := s.delete(); status != "DELETE_COMPLETE" {
		t.Errorf("the end comes to %s: %q", status, s.reasons())
	}
}

// arnOf is a resource's ARN, made of what CloudFormation calls it.
func arnOf(t *testing.T, kind, physical string) string {
	t.Helper()
	in := region + ":" + account + ":"
	switch kind {
	case "AWS::IAM::Role":
		return "arn:aws:iam::" + account + ":role/doit/" + physical
	case "AWS::Lambda::Function", "AWS::Lambda::EventInvokeConfig":
		return "arn:aws:lambda:" + in + "function:" + strings.Split(physical, "|")[0]
	case "AWS::Logs::LogGroup": // which AWS names after the stack, and the emulator after CloudFormation
		return "arn:aws:logs:" + in + "log-group:doit-support-12345-RegistrationLogs-1A2B3C4D"
	case "AWS::Events::Rule":
		return "arn:aws:events:" + in + "rule/" + physical
	case "AWS::IAM::ManagedPolicy", "AWS::SNS::Topic", "AWS::Lambda::Version":
		return physical
	case "AWS::SNS::TopicPolicy":
		return "arn:aws:sns:" + in + "doit-support-of-this-policy"
	}
	t.Fatalf("the ARN of a %s is not known here", kind)
	return ""
}

// on is what an action is for that is not for the resource itself.
func on(action, arn string, s *stack) string {
	switch action {
	case "iam:PassRole", "iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:GetRole":
		return s.outputs["RoleArn"]
	case "s3:GetObject":
		return "arn:aws:s3:::" + published.DoiT["aws"].Bucket(region) + "/" + published.Pin.Key
	}
	return arn
}

// allows asks the emulator's own simulation, which knows no context: the one
// condition, which service a role is passed to, is left away.
func allows(t *testing.T, action, arn string) bool {
	t.Helper()
	const condition = `,
      "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}`
	policy := launcherPolicy(t)
	if strings.Count(policy, condition) != 1 || strings.Count(policy, "Condition") != 1 {
		t.Fatal("the policy has other conditions than one, of iam:PassRole")
	}
	answer, err := iam.NewFromConfig(cloud.Root(account, region)).SimulateCustomPolicy(t.Context(),
		&iam.SimulateCustomPolicyInput{
			PolicyInputList: []string{strings.Replace(policy, condition, "", 1)},
			ActionNames:     []string{action}, ResourceArns: []string{arn},
		})
	if err != nil {
		t.Fatal(err)
	}
	return answer.EvaluationResults[0].EvalDecision == types.PolicyEvaluationDecisionTypeAllowed
}

// actions are all that the policy names.
func actions(t *testing.T) (all []string) {
	t.Helper()
	var policy struct{ Statement []struct{ Action any } }
	if err := json.Unmarshal([]byte(launcherPolicy(t)), &policy); err != nil {
		t.Fatal(err)
	}
	for _, s := range policy.Statement {
		if one, ok := s.Action.(string); ok {
			all = append(all, one)
			continue
		}
		for _, action := range s.Action.([]any) {
			all = append(all, fmt.Sprint(action))
		}
	}
	return all
}

// What a security review asks of the policy names each of its statements.
func TestTheReviewSpeaksOfEachOfTheLaunchersStatements(t *testing.T) {
	t.Parallel()
	review, err := repo.ReadFile("template/REVIEW.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(review), "\n## What a launch needs\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var spoken []string
	for line := range strings.Lines(section) {
		if columns := strings.Split(line, " | "); len(columns) == 2 && columns[1] != "for |\n" {
			spoken = append(spoken, strings.Split(strings.TrimPrefix(columns[0], "| "), ", ")...)
		}
	}
	var policy struct{ Statement []struct{ Sid string } }
	if err := json.Unmarshal([]byte(launcherPolicy(t)), &policy); err != nil {
		t.Fatal(err)
	}
	var has []string
	for _, statement := range policy.Statement {
		has = append(has, statement.Sid)
	}
	slices.Sort(spoken)
	slices.Sort(has)
	if want := append([]string{"---"}, has...); !slices.Equal(spoken, want) {
		t.Errorf("the review speaks of %q, the policy has %q", spoken, want)
	}
}
