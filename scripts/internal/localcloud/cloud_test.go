package localcloud_test

import (
	"context"
	"errors"
	"net"
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
	connection := connect(t, cloud.URL)
	cancel()
	gone(t, connection)
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
	connection := connect(t, url)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed: an error by design
	gone(t, connection)
}

// connect is a connection to the cloud. It ends with the process at its other
// end, where a call to the port could find a process that got the port since.
func connect(t *testing.T, url string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatalf("no cloud answers at %q: %v", url, err)
	}
	t.Cleanup(func() { _ = connection.Close() }) // it has ended
	return connection
}

func gone(t *testing.T, connection net.Conn) {
	t.Helper()
	if err := connection.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := connection.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the cloud lives on: %v", err)
	}
}
