// Package watchdog ties the life of something outside the test process (a
// server, a temporary directory) to the life of that process. Test-only.
//
// A small shell waits for the end of its standard input, whose other end only
// this process holds. However the process ends (normally, by a panic, by
// go test's timeout or by kill -9), the shell sees the end and cleans up. So
// the harnesses need no TestMain and leave nothing behind.
//
// It does not supervise: what the script started may die before its time, and
// whoever uses it will notice.
package watchdog

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// Run starts the shell script with args as $1, $2, ... The script reads its
// standard input to know that this process has ended. cred, when not nil, is
// the account it runs under; dir is its working directory. The returned Closer
// ends the script's wait early.
func Run(script, dir string, cred *syscall.Credential, args ...string) (io.Closer, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "watchdog"}, args...)...)
	cmd.Dir = dir
	// A group of its own: an interrupt typed at the terminal reaches the tests
	// first, and the clean-up afterwards.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: cred}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	go cmd.Wait() // only reaps: the exit code of the script says nothing
	return in, nil
}

// Remove deletes dir when this process has ended.
func Remove(dir string) error {
	_, err := Run(`read -r _; sleep 1; rm -rf "$1" || { sleep 2; rm -rf "$1"; }`, "/", nil, dir)
	return err
}
