package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"relais/internal/testkit/watchdog"
)

// serve runs the server until the test process has gone, then stops it at once
// (SIGQUIT: nobody will read these data again) and removes its directory.
const serve = `
"$1" -D "$2/data" -k "$2" -c listen_addresses= -c unix_socket_permissions=0700 \
  -c max_connections=200 -c shared_buffers=64MB -c timezone=UTC -c fsync=on \
  -c synchronous_commit=on -c log_timezone=UTC >"$2/log" 2>&1 &
pid=$!
read -r _
kill -QUIT $pid
wait $pid
rm -rf "$2"
`

func start() (server, error) {
	bin, err := programs()
	if err != nil {
		return server{}, err
	}
	dir, err := privateDir()
	if err != nil {
		return server{}, err
	}
	s := server{bin: bin, dir: dir}
	cred, err := account()
	if err != nil {
		return server{}, err
	}
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return server{}, err
		}
	}
	// The watchdog comes last: before it, a failure leaves the directory to be
	// looked at, after it the directory is the watchdog's.
	if err := s.initdb(cred); err != nil {
		return server{}, err
	}
	if _, err := watchdog.Run(serve, dir, cred, filepath.Join(bin, "postgres"), dir); err != nil {
		return server{}, err
	}
	return s, s.ready(30 * time.Second)
}

func (s server) initdb(cred *syscall.Credential) error {
	cmd := exec.Command(filepath.Join(s.bin, "initdb"), "-D", filepath.Join(s.dir, "data"),
		"-U", "relais", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// account is the unprivileged account to run under, nil when we are not root.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if errU != nil || errG != nil {
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("running as root and there is neither a postgres nor a nobody account")
}
