// Package child starts commands that end with whoever started them.
package child

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

// Command is exec.CommandContext for a process that leads a group of its own.
// So Ctrl-C reaches only us, and the command fails because ctx ended, and not
// before; then it is interrupted with all that it started.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...) // #nosec G204 -- the callers' own commands
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second // for what does not end by that
	return cmd
}
