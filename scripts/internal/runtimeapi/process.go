// Package runtimeapi runs the function the way its customer does: the built zip,
// unpacked and started as a process under a Lambda Runtime API, between the
// registration endpoint and the server behind CloudFormation's ResponseURL.
package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What the environment of a function holds; the account's keys are nobody's.
//
// #nosec G101 -- AWS's examples
const (
	AccessKeyID     = "ASIAIOSFODNN7EXAMPLE"
	SecretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	SessionToken    = "IQoJb3JpZ2luX2VjEOr//////////wEaCWV1LXdlc3QtMSJHMEUCIQ+example/token=="
)

// Environment is what Lambda gives a function that is made as the template
// makes it, with the endpoint that it is to post to and the file of the
// certificates that it is to trust. Nothing else is inherited.
func Environment(endpoint, certificates string) map[string]string {
	return map[string]string{
		"REGISTRATION_ENDPOINT": endpoint,
		"SSL_CERT_FILE":         certificates,
		"SSL_CERT_DIR":          "/nonexistent", // or this machine's own roots would be read too

		"AWS_ACCESS_KEY_ID":     AccessKeyID,
		"AWS_SECRET_ACCESS_KEY": SecretAccessKey,
		"AWS_SESSION_TOKEN":     SessionToken,
		"AWS_REGION":            "eu-west-1",
		"AWS_DEFAULT_REGION":    "eu-west-1",

		"AWS_LAMBDA_FUNCTION_NAME":        "doit-access-RegistrationFunction-0123456789AB",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_LEVEL":            "INFO",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/doit-access-RegistrationFunction-0123456789AB",
		"AWS_LAMBDA_LOG_STREAM_NAME":      "2026/11/24/[$LATEST]0123456789abcdef0123456789abcdef",

		"_HANDLER": "bootstrap",
		"LANG":     "en_US.UTF-8",
		"TZ":       ":UTC",
		"PATH":     "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
	}
}

// A Process is one running execution environment.
type Process struct {
	// Started is when the process was started.
	Started time.Time
	// Runtime is the API under which it runs.
	Runtime *Runtime

	cmd    *exec.Cmd
	output string // a file: nobody wakes up for a line of it, and takes the processor
	exited chan struct{}
	err    error // of the exit; read it after exited
}

// Start runs the command with the environment and nothing else, in the folder
// of its first word as Lambda does.
func Start(environment map[string]string, command ...string) (*Process, error) {
	runtime, err := newRuntime()
	if err != nil {
		return nil, err
	}
	p := &Process{Runtime: runtime, exited: make(chan struct{})}
	p.cmd = exec.Command(command[0], command[1:]...) // #nosec G204 -- runs what the caller built
	p.cmd.Dir = filepath.Dir(command[0])
	p.cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + runtime.addr, "LAMBDA_TASK_ROOT=" + p.cmd.Dir}
	for name, value := range environment {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	output, err := os.CreateTemp("", "function-log-")
	if err != nil {
		runtime.close()
		return nil, fmt.Errorf("make a file for the log: %w", err)
	}
	defer func() { _ = output.Close() }() // the process has its own descriptor
	p.output = output.Name()
	p.cmd.Stdout, p.cmd.Stderr = output, output // one stream, as in the log group
	p.Started = time.Now()
	if err := p.cmd.Start(); err != nil {
		runtime.close()
		return nil, errors.Join(fmt.Errorf("start %s: %w", command[0], err), os.Remove(p.output))
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// Ready waits for the first request for an event and says when it came.
func (p *Process) Ready(ctx context.Context) (time.Time, error) {
	select {
	case <-p.Runtime.ready:
		return p.Runtime.at, nil
	case <-p.exited:
		return time.Time{}, fmt.Errorf("the process ended before it asked for an event (%w): %s", p.exit(), p.Output())
	case <-ctx.Done():
		return time.Time{}, context.Cause(ctx)
	}
}

// Invoke hands the process an event and waits for what becomes of it. Lambda
// ends a process that is late; Invoke returns an error a second after that.
func (p *Process) Invoke(event []byte, deadline time.Time) (Result, error) {
	up := errors.New("its time is up")
	ctx, cancel := context.WithDeadlineCause(context.Background(), deadline.Add(time.Second), up)
	defer cancel()
	ended, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		select {
		case <-p.exited:
			end(p.exit())
		case <-ended.Done():
		}
	}()
	return p.Runtime.invoke(ended, event, deadline)
}

func (p *Process) exit() error {
	if p.err != nil {
		return p.err
	}
	return errors.New("exit status 0")
}

// Kill ends the process as Lambda does, without a word.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.exited
	p.Runtime.close()
}

// Close kills the process and forgets what it printed.
func (p *Process) Close() error {
	p.Kill()
	return os.Remove(p.output)
}

// Disconnect takes the runtime API away, for good, and waits for the process to
// end by itself.
func (p *Process) Disconnect(ctx context.Context) error {
	close(p.Runtime.gone)
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		return errors.New("the process outlives its runtime API")
	}
}

// Output is what the process has printed until now.
func (p *Process) Output() string {
	output, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return string(output)
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Memory is the resident set of the process in bytes, now and at its peak.
func (p *Process) Memory() (now, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, 0, fmt.Errorf("read the memory of the process: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		size := strings.TrimSuffix(strings.TrimSpace(value), " kB")
		kib, _ := strconv.ParseInt(size, 10, 64) // other lines are no sizes
		switch name {
		case "VmRSS":
			now = kib << 10
		case "VmHWM":
			peak = kib << 10
		}
	}
	if now == 0 || peak == 0 {
		return 0, 0, errors.New("the process has no memory: it has ended")
	}
	return now, peak, nil
}
