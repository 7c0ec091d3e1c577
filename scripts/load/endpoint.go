package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// build is one commit's endpoint.
type build struct {
	commit  string
	program string
	slower  []string // stands before the program on its command line
}

// compile builds the working tree's endpoint and, where it is named, that of an
// earlier commit, from a checkout of its own.
func compile(ctx context.Context, dir, before string) (builds []build, err error) {
	root, err := repo.Root()
	if err != nil {
		return nil, err
	}
	if before != "" {
		checkout := filepath.Join(dir, "before")
		add := exec.CommandContext(ctx, // #nosec G204 -- a commit's name
			"git", "-C", root, "worktree", "add", "--detach", "--quiet", "--end-of-options", checkout, before)
		if out, err := add.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("check out %s: %w: %s", before, err, bytes.TrimSpace(out))
		}
		defer func() {
			remove := exec.Command("git", "-C", root, "worktree", "remove", "--force", checkout) // #nosec G204 -- ours
			err = errors.Join(err, remove.Run())
		}()
		builds = append(builds, build{commit: before, program: filepath.Join(dir, "endpoint-before")})
		if err := goBuild(ctx, checkout, builds[0].program); err != nil {
			return nil, err
		}
	}
	now := build{commit: "this tree", program: filepath.Join(dir, "endpoint-now")}
	return append(builds, now), goBuild(ctx, root, now.program)
}

func goBuild(ctx context.Context, root, program string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./endpoint") // #nosec G204 -- a folder of ours
	cmd.Dir = filepath.Join(root, "scripts")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the endpoint of %s: %w\n%s", root, err, out)
	}
	return nil
}

// slowerDisk is the command that starts another one and holds up each of its
// calls of fsync. strace is a package of Debian's; -D keeps it from standing
// between this process and the endpoint, whose processor time is read.
// https://man7.org/linux/man-pages/man1/strace.1.html
func slowerDisk(by string) ([]string, error) {
	if by == "" {
		return nil, nil
	}
	delay, err := time.ParseDuration(by)
	if err != nil || delay < time.Microsecond {
		return nil, fmt.Errorf("FSYNC %q is no time like 1ms", by)
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		return nil, fmt.Errorf("FSYNC needs strace (apt-get install strace): %w", err)
	}
	command := []string{
		strace, "-D", "-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "-e", "trace=fsync,fdatasync",
		"-e", fmt.Sprintf("inject=fsync,fdatasync:delay_enter=%d", delay.Microseconds()),
	}
	try := exec.Command(command[0], append(command[1:], "true")...) // #nosec G204 -- ours
	if out, err := try.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("FSYNC needs a strace that may trace: %w: %s", err, bytes.TrimSpace(out))
	}
	return command, nil
}

// process is a child that said where it listens.
type process struct {
	cmd *exec.Cmd
	url string
}

// start starts a program and waits for the line that ends in its URL.
func start(ctx context.Context, program string, arguments ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, arguments...)} // #nosec G204 -- built here
	p.cmd.Env = []string{
		"HOME=/nonexistent", "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + keysOf(doit).AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + keysOf(doit).SecretAccessKey,
		"AWS_SESSION_TOKEN=" + keysOf(doit).SessionToken,
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	line := bufio.NewScanner(stdout)
	if !line.Scan() {
		return nil, errors.Join(fmt.Errorf("%s did not say where it listens", program), p.cmd.Wait())
	}
	_, p.url, _ = strings.Cut(line.Text(), "http")
	p.url = "http" + p.url
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()         // killed
}

// processor is the time that it has had of all processors, in steps of 10 ms.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func (p *process) processor() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the endpoint's processor time: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third on
	if len(fields) < 13 {
		return 0, fmt.Errorf("read the endpoint's processor time: %q", text)
	}
	user, err := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, systemErr)
}
