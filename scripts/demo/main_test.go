package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// TestTheWholeLife is the demo itself, which checks each of its steps.
func TestTheWholeLife(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "demo.svg")
	var out bytes.Buffer
	if err := run(t.Context(), options{stack: "whole-life", region: "eu-west-1", ticket: "12345", picture: picture, pause: 20 * time.Millisecond}, &out, io.Discard); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"Customer", "CloudFormation", "DoiT", `"roleArn":"arn:aws:iam::111122223333:role/doit/whole-life-SupportRole-`, "UPDATE_ROLLBACK_COMPLETE"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	// A proof speaks for the function for a minute, so not even the demo shows it.
	for _, secret := range []string{"X-Amz-Signature", "X-Amz-Security-Token"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the output has %q", secret)
		}
	}
	drawn, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	for tokens := xml.NewDecoder(bytes.NewReader(drawn)); ; {
		if _, err := tokens.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is not XML: %v", err)
		}
	}
	for _, elsewhere := range []string{"@import", "url(", "href", "<script"} {
		if bytes.Contains(drawn, []byte(elsewhere)) {
			t.Errorf("the picture has %q, so it needs something from elsewhere", elsewhere)
		}
	}
}

// account is a local cloud in the place of a real account, reached by the
// environment alone, as a real one is.
func account(t *testing.T) (*grant, options) {
	t.Helper()
	published, err := template.Read()
	if err != nil {
		t.Fatal(err)
	}
	behind := &grant{stage: &stage{out: io.Discard}, template: published, ticket: "12345"}
	w, err := newWorld(t.Context(), behind, "eu-west-1", io.Discard)
	t.Cleanup(w.close)
	if err != nil {
		t.Fatal(err)
	}
	engineer, err := behind.engineer.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	profile := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(profile, []byte("[engineer]\naws_access_key_id="+engineer.AccessKeyID+"\naws_secret_access_key="+
		engineer.SecretAccessKey+"\naws_session_token="+engineer.SessionToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", profile)
	t.Setenv("AWS_CONFIG_FILE", profile)
	t.Setenv("AWS_ENDPOINT_URL", w.cloud.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", customerAccount)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "local")
	t.Setenv("AWS_SESSION_TOKEN", "")
	return behind, options{aws: true, stack: "real", region: "eu-west-1", ticket: "12345", endpoint: behind.endpoint, engineer: "engineer", pause: 20 * time.Millisecond}
}

func TestInAnAccountItRemovesOnlyWhatItMade(t *testing.T) {
	behind, o := account(t)
	theirs := makeStack(t, behind, "theirs")

	t.Run("the whole life", func(t *testing.T) {
		var out bytes.Buffer
		if err := run(t.Context(), o, &out, io.Discard); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if !strings.Contains(out.String(), "is refused a secret") {
			t.Errorf("the engineer was not inside:\n%s", out.String())
		}
		wantStacks(t, behind, theirs)
	})
	t.Run("without an engineer", func(t *testing.T) {
		o := o
		o.engineer = ""
		if err := run(t.Context(), o, io.Discard, io.Discard); err != nil {
			t.Fatal(err)
		}
		wantStacks(t, behind, theirs)
	})
	t.Run("a name that is taken", func(t *testing.T) {
		o := o
		o.stack = "theirs"
		if err := run(t.Context(), o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "theirs") {
			t.Errorf("%v, want an error that names the stack", err)
		}
		wantStacks(t, behind, theirs)
	})
	t.Run("a create that is refused", func(t *testing.T) {
		o := o
		o.ticket = "99999"
		if err := run(t.Context(), o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "ROLLBACK_COMPLETE") {
			t.Errorf("%v, want an error with what the stack came to", err)
		}
		wantStacks(t, behind, theirs)
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		err := run(ctx, o, writer(func(text []byte) {
			if bytes.Contains(text, []byte("UPDATE_IN_PROGRESS")) { // in the middle of an update
				interrupt()
			}
		}), io.Discard)
		if err == nil {
			t.Error("no error, want one for the interruption")
		}
		wantStacks(t, behind, theirs)
	})
}

type writer func(text []byte)

func (w writer) Write(text []byte) (int, error) {
	w(text)
	return len(text), nil
}

// makeStack makes a stack that is none of the demo's business.
func makeStack(t *testing.T, behind *grant, name string) (id string) {
	t.Helper()
	made, err := behind.cloudformation().CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: aws.String(`{"Resources":{"Topic":{"Type":"AWS::SNS::Topic"}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *made.StackId
}

// wantStacks fails unless the account has exactly this stack.
func wantStacks(t *testing.T, behind *grant, want string) {
	t.Helper()
	got, err := behind.cloudformation().DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, stack := range got.Stacks {
		if *stack.StackId != want {
			t.Errorf("stack %s is there as %s", *stack.StackName, stack.StackStatus)
		}
	}
	if len(got.Stacks) == 0 || got.Stacks[0].StackStatus == types.StackStatusDeleteComplete {
		t.Error("the stack that was there before is gone")
	}
}

func TestAStepThatGoesWrongIsAnError(t *testing.T) {
	var out bytes.Buffer
	s := &stage{out: &out}
	s.check(doit, true, "this is right", "")
	s.refused(doit, "a call that went through", nil)
	s.refused(doit, "a call that failed otherwise", errors.New("no route to host"))
	s.allowed(doit, "a call that failed", "seen", errors.New("no route to host"))
	if s.good != 1 || s.bad != 3 {
		t.Errorf("%d good and %d bad, want 1 and 3", s.good, s.bad)
	}
	if got := strings.Count(out.String(), "✗"); got != 3 {
		t.Errorf("%d crosses, want 3:\n%s", got, out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colours, although no terminal asked for them")
	}
}

func TestWhatIsAskedOfTheLocalCloud(t *testing.T) {
	for _, o := range []options{
		{ticket: "12 45"},
		{ticket: "12345", engineer: "profile"},
		{ticket: "12345", endpoint: "https://127.0.0.1"},
	} {
		if err := run(t.Context(), o, io.Discard, io.Discard); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
