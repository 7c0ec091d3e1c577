package localcloud

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/venv"
)

// Endpoint is DoiT's registration endpoint, the reference one, which asks this
// cloud's STS. It ends with the cloud.
type Endpoint struct {
	// URL is where it listens, without a path, and Admin its admin listener.
	URL, Admin string

	process *os.Process
}

// Registration is a row of the endpoint's, as its admin listener shows it.
type Registration = registrations.Registration

// buildEndpoint builds the reference endpoint into the cloud's folder.
func (c *Cloud) buildEndpoint(ctx context.Context, progress io.Writer) (program string, err error) {
	root, err := repo.Root()
	if err != nil {
		return "", err
	}
	repo.Watch(root, "scripts/endpoint", "scripts/internal")
	program = filepath.Join(c.dir, "endpoint")
	build := child.Command(ctx, "go", "build", "-o", program, "./endpoint")
	build.Dir = filepath.Join(root, "scripts")
	build.Env = append(os.Environ(), "GOTMPDIR="+c.dir) // an interrupted Go command leaves its folder
	var output []byte
	err = child.Patiently(progress, "compiling the reference endpoint: once, a minute", func() (err error) {
		output, err = build.CombinedOutput()
		return err
	})
	if err != nil {
		return "", fmt.Errorf("build the reference endpoint: %w: %s", err, venv.LastLine(output))
	}
	return program, nil
}

// StartEndpoint builds and starts the reference endpoint, which assumes roles
// as whom the credentials say. Flags are further flags of its command line.
func (c *Cloud) StartEndpoint(
	ctx context.Context, as aws.Credentials, certFile, keyFile string, flags ...string,
) (*Endpoint, error) {
	program, err := c.built()
	if err != nil {
		return nil, err
	}
	endpoint := exec.CommandContext(ctx, program, append([]string{ // #nosec G204 -- as above
		"-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-sts", c.URL, "-cert", certFile, "-key", keyFile,
	}, flags...)...)
	endpoint.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + as.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + as.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + as.SessionToken,
	}
	// In the emulator's process group it ends when the emulator does.
	endpoint.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: c.group}
	log, err := os.CreateTemp(c.dir, "endpoint-*.log")
	if err != nil {
		return nil, fmt.Errorf("make the endpoint's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the endpoint has its own descriptor
	endpoint.Stderr = log
	stdout, err := endpoint.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the reference endpoint: %w", err)
	}
	if err := endpoint.Start(); err != nil {
		return nil, fmt.Errorf("start the reference endpoint: %w", err)
	}

	e := &Endpoint{process: endpoint.Process}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "admin on "); ok {
			e.Admin = url
		}
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			e.URL = url
			break
		}
	}
	go func() { _ = endpoint.Wait() }() // killed in the end, always
	if e.URL == "" || e.Admin == "" {
		said, err := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("the reference endpoint did not start: %s", venv.LastLine(said)), err)
	}
	return e, nil
}

// Stop ends the endpoint before the cloud ends.
func (e *Endpoint) Stop() { _ = e.process.Kill() } // it may have ended already

// Registrations are all rows, those of deleted stacks too.
func (e *Endpoint) Registrations(ctx context.Context) ([]Registration, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return registrations.List(ctx, e.Admin)
}
