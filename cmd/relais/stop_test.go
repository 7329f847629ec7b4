package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/testkit/brokendisk"
)

// serveChild makes this test binary `relais serve`, in a process of its own.
const serveChild = "TEST_SERVE_CHILD"

// served is a Relais in a process of its own, under load: each answered login
// that failed for want of an identity provider has left its entry.
type served struct {
	*site
	child    *exec.Cmd
	log      bytes.Buffer
	mu       sync.Mutex
	answered int            // 503: the entry was acknowledged
	cut      int            // no answer: nobody knows
	refused  map[string]int // other answers
	stop     chan struct{}
	clients  sync.WaitGroup
}

func serveApart(t *testing.T, engine string, environ ...string) *served {
	t.Helper()
	s := &served{site: newSite(t), refused: map[string]int{}, stop: make(chan struct{})}
	if engine == config.SQLite {
		s.values["DATABASE_URL"] = "sqlite:" + filepath.Join(s.values["DATA"], "relais.db")
	}
	if code, out := s.verb(t.Context(), "migrate"); code != 0 {
		t.Fatal(out)
	}
	s.child = exec.Command(os.Args[0])
	s.child.Env = append(append(append(os.Environ(), s.environ()...), environ...), serveChild+"=1")
	s.child.Stderr = &s.log
	if err := s.child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.child.Process.Kill() }) // it has ended, unless the test failed
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if code, _ := s.verb(t.Context(), "health"); code == 0 {
			return s
		}
		if time.Since(start) > 20*time.Second {
			t.Fatal("not ready: ", s.log.String())
		}
	}
}

// load sends logins from many clients until the server has gone. late tells that
// an answer to what is sent from now on is a fault. Each client often moves to
// another address of this machine: one address is made to wait after a while.
func (s *served) load(clients int, late func() bool) {
	for c := range clients {
		s.clients.Go(func() {
			for n := 0; ; n++ {
				client := clientAt(net.IPv4(127, 1+byte(c), 1+byte(n>>8), byte(n)))
				for range 100 {
					select {
					case <-s.stop:
						return
					default:
					}
					tooLate := late()
					status := s.login(client)
					if s.count(tooLate, status); status == "" {
						time.Sleep(10 * time.Millisecond)
					}
				}
				client.CloseIdleConnections()
			}
		})
	}
}

func clientAt(from net.IP) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // our own certificate of a minute ago
}

// login returns the status.
func (s *served) login(client *http.Client) string {
	req, err := http.NewRequest(http.MethodPost, "https://"+s.listen+"/connexion", strings.NewReader(url.Values{"retour": {"/guichet"}}.Encode()))
	if err != nil {
		return ""
	}
	req.Host = "relais.example"
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return ""
	}
	return strconv.Itoa(resp.StatusCode)
}

func (s *served) count(late bool, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch status {
	case "503":
		s.answered++
		if late {
			s.Error("acknowledged after the disk had failed")
		}
	case "":
		s.cut++
	default:
		s.refused[status]++
	}
}

// ends waits for the process, and returns its exit code.
func (s *served) ends(limit time.Duration) int {
	s.Helper()
	timer := time.AfterFunc(limit, func() { _ = s.child.Process.Kill() })
	defer timer.Stop()
	_ = s.child.Wait() // the exit code says it
	close(s.stop)
	s.clients.Wait()
	return s.child.ProcessState.ExitCode()
}

// nothingLost: as many entries as answers, plus at most those that nobody was
// told of; each numbered, and the last one sealed where sealed is asked for.
func (s *served) nothingLost(sealed bool) {
	s.Helper()
	st := mustOpen([]string{"RELAIS_DATA=" + s.values["DATA"], "RELAIS_DATABASE_URL=" + s.values["DATABASE_URL"]})
	defer st.Close()
	head, err := st.VerifyJournal(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	var rows int64
	if err := behind(s.T, s.values["DATABASE_URL"]).QueryRowContext(s.Context(), "SELECT count(*) FROM journal").Scan(&rows); err != nil {
		s.Fatal(err)
	}
	s.Logf("%d answered, %d cut, %v refused, %d entries", s.answered, s.cut, s.refused, head.Size)
	unsure := s.cut
	for _, n := range s.refused {
		unsure += n
	}
	if n := int(head.Size); n < s.answered || n > s.answered+unsure {
		s.Errorf("%d entries for %d answers and %d requests of which nobody knows", n, s.answered, unsure)
	}
	if rows != head.Size {
		s.Errorf("%d entries are recorded, %d numbered", rows, head.Size)
	}
	if s.answered < 50 {
		s.Errorf("only %d answers: the test loads nothing", s.answered)
	}
	if !sealed {
		return
	}
	checkpoint, err := os.ReadFile(filepath.Join(s.values["DATA"], "journal.checkpoint"))
	if err != nil || strings.Split(string(checkpoint), "\n")[1] != strconv.FormatInt(head.Size, 10) {
		s.Errorf("the last entries are not sealed: %v %.60q", err, checkpoint)
	}
}

// TestStopUnderLoad stops a server with SIGTERM while requests pour in: what was
// answered is kept, numbered and sealed, and it ends well within the grace time.
func TestStopUnderLoad(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			s := serveApart(t, engine)
			s.load(24, func() bool { return false })
			time.Sleep(time.Second)
			if err := s.child.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if code := s.ends(grace + 5*time.Second); code != 0 {
				t.Errorf("exit code %d: %s", code, s.log.String())
			}
			if len(s.refused) > 0 {
				t.Errorf("answered %v while stopping", s.refused)
			}
			s.nothingLost(true)
		})
	}
}

// TestFailedSync fails one fsync of the database under load: the process ends
// with an error, and nothing is acknowledged from that moment on.
func TestFailedSync(t *testing.T) {
	disk, environ := brokendisk.New(t, "/relais.db")
	s := serveApart(t, config.SQLite, environ...)
	var mu sync.Mutex
	failed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return disk.Failed() > 0
	}
	s.load(8, failed)
	time.Sleep(500 * time.Millisecond)
	mu.Lock()
	disk.Break(brokendisk.Fault{Op: brokendisk.Sync, At: 3, Errno: syscall.EIO})
	mu.Unlock()
	if code := s.ends(grace + 5*time.Second); code != 1 || !strings.Contains(s.log.String(), "journal cannot be written") {
		t.Errorf("exit code %d: %s", code, s.log.String())
	}
	if !failed() {
		t.Error("no fsync failed")
	}
	s.nothingLost(false)
}
