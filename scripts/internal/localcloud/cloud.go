// Package localcloud runs MiniStack, an AWS emulator that enforces IAM, on this
// machine: the demo and the tests launch the published template in it.
package localcloud

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/doitintl/aws-ro-access/scripts/internal/loopback"
	"github.com/doitintl/aws-ro-access/scripts/internal/venv"
)

//go:embed run.py
var run string

// Cloud is one running emulator.
type Cloud struct {
	// URL answers for every AWS service.
	URL string

	dir    string
	group  int // of all processes of this cloud
	stdin  io.Closer
	exited chan struct{}
	stop   func()
	built  func() (endpoint string, err error)
}

// Options are what callers of Start differ in.
type Options struct {
	// Progress hears about the first installation. Nothing is said without it.
	Progress io.Writer
	// Roots is a PEM file: the only roots that the cloud's Lambda functions trust.
	Roots string
}

// Start installs the emulator where that was not done yet, starts it on
// 127.0.0.1 and a free port, and returns when it answers. It runs until Stop,
// the end of ctx or the end of this process, however that comes.
func Start(ctx context.Context, options Options) (*Cloud, error) {
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	python, err := venv.Install(ctx, "ministack", options.Progress)
	if err != nil {
		return nil, err
	}
	return start(ctx, python, options)
}

func start(ctx context.Context, python string, options Options) (_ *Cloud, err error) {
	socket, address, err := loopback.Hold()
	if err != nil {
		return nil, fmt.Errorf("find a port for the local cloud: %w", err)
	}
	defer func() { _ = socket.Close() }() // the emulator has its own descriptor
	dir, err := os.MkdirTemp("", "localcloud-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the local cloud: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, "log")) // #nosec G304 -- a name of our own
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the local cloud's log: %w", err), os.RemoveAll(dir))
	}
	defer func() { _ = log.Close() }() // the emulator has its own descriptor

	emulator := exec.Command(python, "-c", run) // #nosec G204 -- a program of our own
	emulator.Dir = dir
	emulator.Env = environment(dir, address, options.Roots)
	emulator.ExtraFiles = []*os.File{socket} // 3, on which run.py has it listen
	emulator.Stdout, emulator.Stderr = log, log
	emulator.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := emulator.StdinPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start MiniStack: %w", err), os.RemoveAll(dir))
	}
	if err := emulator.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start MiniStack: %w", err), os.RemoveAll(dir))
	}

	cloud := &Cloud{
		URL:    "http://" + address,
		dir:    dir,
		group:  emulator.Process.Pid,
		stdin:  stdin,
		exited: make(chan struct{}),
	}
	go func() {
		_ = emulator.Wait() // killed in the end, always
		close(cloud.exited)
	}()
	cloud.stop = sync.OnceFunc(cloud.end)
	cloud.built = sync.OnceValues(func() (string, error) { return cloud.buildEndpoint(ctx, options.Progress) })
	context.AfterFunc(ctx, cloud.stop)
	if err := cloud.ready(ctx); err != nil {
		err = fmt.Errorf("start MiniStack: %w: %s", err, venv.LastLine([]byte(cloud.Log())))
		cloud.Stop()
		return nil, err
	}
	return cloud, nil
}

// environment is all that the emulator, and through it each function, gets of
// this process's own: no credentials, no proxy, no endpoint of another cloud.
func environment(dir, address, roots string) []string {
	_, port, _ := strings.Cut(address, ":")
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + dir,
		"TMPDIR=" + dir, // its PID file and the functions' code
		"STATE_DIR=" + filepath.Join(dir, "state"),
		"S3_DATA_DIR=" + filepath.Join(dir, "s3"),
		"AUTH=true", // IAM decides, as in AWS
		"BIND_HOST=127.0.0.1",
		"GATEWAY_PORT=" + port,
	}
	if roots != "" {
		env = append(env, "SSL_CERT_FILE="+roots)
	}
	return env
}

func (c *Cloud) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/_ministack/health", nil)
		if err != nil {
			return err
		}
		if answer, err := client.Do(request); err == nil {
			if err := answer.Body.Close(); err != nil {
				return err
			}
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-c.exited:
			return errors.New("it ended before it answered")
		case <-ctx.Done():
			return fmt.Errorf("it did not answer at %s: %w", c.URL, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the emulator and the functions that it runs, and removes what they
// wrote. It may be called more than once.
func (c *Cloud) Stop() { c.stop() }

func (c *Cloud) end() {
	_ = c.stdin.Close() // run.py kills the process group, itself included
	<-c.exited
	_ = os.RemoveAll(c.dir) // a scratch folder under the system's
}

// Log is what the emulator has written up to now.
func (c *Cloud) Log() string {
	log, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return "no log: " + err.Error()
	}
	return string(log)
}

// Root is an account's root user in one region. The emulator takes an access
// key of twelve digits for that.
func (c *Cloud) Root(account, region string) aws.Config {
	return c.Config(region, aws.Credentials{AccessKeyID: account, SecretAccessKey: "local"})
}

// Config speaks to this cloud with the credentials given.
func (c *Cloud) Config(region string, as aws.Credentials) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(c.URL),
		Credentials:  credentials.StaticCredentialsProvider{Value: as},
		HTTPClient:   wholeBodies{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}},
	}
}
