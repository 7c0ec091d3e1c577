package localcloud_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
)

func TestCallersAreWhoTheySay(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	session, err := cloud.Session(t.Context(), "462932234033", "engineer", "jane", "sts:AssumeRole")
	if err != nil {
		t.Fatal(err)
	}
	user, err := cloud.User(t.Context(), "111122223333", "bob", "s3:ListAllMyBuckets")
	if err != nil {
		t.Fatal(err)
	}
	stranger := session
	stranger.AccessKeyID = "ASIAAAAAAAAAAAAAAAAA"
	for _, caller := range []struct{ name, want string }{
		{"root", "arn:aws:iam::111122223333:root"},
		{"user", "arn:aws:iam::111122223333:user/bob"},
		{"session", "arn:aws:sts::462932234033:assumed-role/engineer/jane"},
	} {
		t.Run(caller.name, func(t *testing.T) {
			config := cloud.Root("111122223333", "eu-west-1")
			switch caller.name {
			case "user":
				config = cloud.Config("eu-west-1", user)
			case "session":
				config = cloud.Config("eu-west-1", session)
			}
			got, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if *got.Arn != caller.want {
				t.Errorf("caller is %s, want %s", *got.Arn, caller.want)
			}
		})
	}
	_, err = sts.NewFromConfig(cloud.Config("eu-west-1", stranger)).GetCallerIdentity(t.Context(), nil)
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		t.Errorf("an unknown access key is answered with %v, want a refusal", err)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cloud, err := localcloud.Start(ctx, localcloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Stop()
	if !answers(t, cloud.URL) {
		t.Fatal("the cloud does not answer after Start")
	}
	cancel()
	gone(t, cloud.URL)
}

// TestEndsWithItsParent is also the parent: the test binary runs itself, and
// that one is killed the hard way.
func TestEndsWithItsParent(t *testing.T) {
	t.Parallel()
	if os.Getenv("LOCALCLOUD_PARENT") != "" {
		cloud, err := localcloud.Start(t.Context(), localcloud.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stdout.WriteString(cloud.URL + "\n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // killed long before
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), program, "-test.run=^TestEndsWithItsParent$") // #nosec G204 -- this test
	parent.Env = append(os.Environ(), "LOCALCLOUD_PARENT=1")
	parent.Stderr = os.Stderr
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 256)
	n, err := stdout.Read(first)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(string(first[:n]))
	if !answers(t, url) {
		t.Fatalf("no cloud answers at %q", url)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed: an error by design
	gone(t, url)
}

func answers(t *testing.T, url string) bool {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url+"/_ministack/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

func gone(t *testing.T, url string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); answers(t, url); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s still answers", url)
		}
	}
}
