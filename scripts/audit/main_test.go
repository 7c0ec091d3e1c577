package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/policies"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// known is the version in the repository.
const known = "../internal/policies/SecurityAudit-" + policies.Version + ".json"

// program is the command, built once.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "audit-")
	if err == nil {
		program = filepath.Join(dir, "audit")
		err = exec.Command("go", "build", "-o", program, ".").Run() // #nosec G204 -- this package
	}
	status := 1
	if err == nil {
		status = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "build the command:", err)
	}
	_ = os.RemoveAll(dir) // a scratch folder under the system's
	os.Exit(status)
}

// audit runs the command, with an environment of its own.
func audit(t *testing.T, env ...string) (printed string, status int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program) // #nosec G204 -- as above
	command.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_EC2_METADATA_DISABLED=true",
	}, env...)
	out, err := command.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

func TestTheSameVersionIsNothingToDo(t *testing.T) {
	t.Parallel()
	if printed, status := audit(t, "POLICY="+known); status != 0 || !strings.Contains(printed, "nothing to do") {
		t.Errorf("status %d: %s", status, printed)
	}
}

// with is a file with the known version and more actions in it, as IAM's answer
// or bare.
func with(t *testing.T, wrapped bool, actions ...string) string {
	t.Helper()
	text, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	document["Statement"] = append(document["Statement"].([]any), map[string]any{
		"Sid": "More", "Effect": "Allow", "Action": actions, "Resource": "*",
	})
	var answer any = document
	if wrapped {
		answer = map[string]any{"PolicyVersion": map[string]any{"Document": document}}
	}
	if text, err = json.Marshal(answer); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "newest.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEachNewActionIsNamed(t *testing.T) {
	t.Parallel()
	for name, wrapped := range map[string]bool{"a document": false, "an answer of IAM's": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			printed, status := audit(t, "POLICY="+with(t, wrapped,
				"s3:GetObject", "sqs:Receive*", "codebuild:BatchGetBuilds",
				"lightsail:GetRelationalDatabaseMasterUserPassword", "chime:ListBrandNewThings",
				"thing:GetSecretOfTomorrow", "ec2:DescribeVpcs"))
			for _, want := range []string{
				`(?m)^new +s3:GetObject +Read +denied by ResourcePolicyLimits +\[Amazon S3\]$`,
				`(?m)^new +sqs:ReceiveMessage +Read +denied by ResourcePolicyLimits +\[Amazon SQS\]$`,
				`(?m)^new +codebuild:BatchGetBuilds +Read +denied by ResourcePolicyLimits +\[AWS CodeBuild\]$`,
				`(?m)^new +lightsail:GetRelationalDatabaseMasterUserPassword +\S.* NOT DENIED: .*\[Amazon Lightsail\]$`,
				`(?m)^new +thing:GetSecretOfTomorrow +level unknown +NOT DENIED: .*\[thing\]$`,
				`5 new actions, 2 of them not denied; 0 gone`,
			} {
				if !regexp.MustCompile(want).MatchString(printed) {
					t.Errorf("want a line like %s, printed is\n%s", want, printed)
				}
			}
			if strings.Contains(printed, "ec2:DescribeVpcs") || status != 1 {
				t.Errorf("status %d, want 1, and not a word of what was granted before:\n%s", status, printed)
			}
		})
	}
}

// The emulator's SecurityAudit is version 87: AWS is asked by its own protocol.
func TestAWSIsAskedForTheNewest(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	printed, status := audit(t, "AWS_ENDPOINT_URL="+cloud.URL, "AWS_ACCESS_KEY_ID=111122223333",
		"AWS_SECRET_ACCESS_KEY=local")
	for _, want := range []string{
		`(?m)^gone +s3vectors:ListVectors `, `(?m)^gone +security-ir:GetCaseAttachmentDownloadUrl `,
		` 0 new actions, .* gone\.`,
	} {
		if !regexp.MustCompile(want).MatchString(printed) {
			t.Errorf("want a line like %s, printed is\n%s", want, printed)
		}
	}
	if status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	// Between the two lie five versions of AWS's: what a reviewer of version 87 would have been told.
	client, arn := iam.NewFromConfig(cloud.Root("111122223333", "us-east-1")), "arn:aws:iam::aws:policy/SecurityAudit"
	version, err := client.GetPolicyVersion(t.Context(), &iam.GetPolicyVersionInput{
		PolicyArn: &arn, VersionId: aws.String("v1"), // the only one that the emulator has, whatever its number in AWS
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := url.QueryUnescape(*version.PolicyVersion.Document)
	if err != nil {
		t.Fatal(err)
	}
	older, err := policies.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	newer, err := policies.SecurityAudit()
	if err != nil {
		t.Fatal(err)
	}
	reference, err := policies.ReadReference(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	limits := readLimits(t)
	report(&told, policies.Compare(reference, older, newer), limits, "v92")
	for _, want := range []string{
		`(?m)^new +s3vectors:ListVectors +List +denied by SupportLimits`,
		`(?m)^new +security-ir:GetCaseAttachmentDownloadUrl +\w+ +denied by SupportLimits`,
		`(?m)^new +bedrock-agentcore:GetPaymentInstrument +level unknown +denied by SupportLimits`,
		`(?m)^new +s3vectors:ListIndexes +List +NOT DENIED`,
	} {
		if !regexp.MustCompile(want).MatchString(told.String()) {
			t.Errorf("want a line like %s, told is\n%s", want, told.String())
		}
	}
}

func TestWhatCannotBeLookedAt(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "policy.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "POLICY=" + name
	}
	for name, env := range map[string][]string{
		"no credentials": nil,
		"no such file":   {"POLICY=there-is-none.json"},
		"no JSON":        {file("SecurityAudit")},
		"no statement":   {file(`{"Version":"2012-10-17"}`)},
		"everything":     {file(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)},
		"all but":        {file(`{"Statement":[{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}]}`)},
		"a denial":       {file(`{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`)},
		"an escape":      {file(`{"Statement":[{"Effect":"Allow","Action":"s3:\u001b[2J","Resource":"*"}]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			printed, status := audit(t, env...)
			if status != 2 || !strings.HasPrefix(printed, "audit: ") || strings.Contains(printed, "\x1b") {
				t.Errorf("status %d, want 2 and one line: %q", status, printed)
			}
		})
	}
}

func readLimits(t *testing.T) policies.Limits {
	t.Helper()
	published, err := template.Read()
	if err != nil {
		t.Fatal(err)
	}
	limits, err := policies.ReadLimits(published)
	if err != nil {
		t.Fatal(err)
	}
	return limits
}
