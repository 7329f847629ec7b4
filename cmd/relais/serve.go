package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"relais/internal/coffre"
	"relais/internal/config"
	"relais/internal/store"
)

// grace is how long a stopping instance goes on answering what it has begun.
const grace = 20 * time.Second

// gcPercent lets the heap grow to four times what lives before it is collected.
// Relais keeps a few megabytes and allocates much: at Go's own 100 the collector
// ran every ten logins. GOGC in the environment has the last word.
const gcPercent = 300

func quiet(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// serve runs Relais until it is asked to stop.
func serve(ctx context.Context, c call) error {
	if len(c.args) != 0 {
		return errUsage
	}
	cfg, err := config.Load(c.environ)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(c.stderr, nil))
	h, err := build(ctx, cfg, log, false)
	if errors.Is(err, coffre.ErrMissing) {
		return fmt.Errorf("les clés du coffre manquent (première installation : lancez d’abord « relais migrate ») : %w", err)
	}
	if err != nil {
		return err
	}
	if err := h.store.Ready(ctx); err != nil {
		return errors.Join(fmt.Errorf("la base n’est pas prête (lancez d’abord « relais migrate ») : %w", err), h.store.Close())
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("RELAIS_LISTEN=%s : %w", cfg.Listen, err), h.store.Close())
	}
	log.Info("relais starts", "version", appVersion(), "config", cfg)
	return h.run(ctx, listener)
}

func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
}

// run serves until ctx ends or the store can no longer keep its promises, then
// finishes what was begun and closes the store, which commits what was
// acknowledged.
func (h *house) run(ctx context.Context, listener net.Listener) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if err := errors.Join(h.firstKeys(ctx), h.refreshKeys(ctx)); err != nil {
		return errors.Join(fmt.Errorf("clés du fournisseur: %w", err), listener.Close(), h.store.Close())
	}
	server := newHTTPServer(h.handler, h.log)
	served := make(chan error, 1)
	go func() {
		if h.cfg.TLSCert != "" {
			served <- server.ServeTLS(listener, h.cfg.TLSCert, h.cfg.TLSKey)
			return
		}
		served <- server.Serve(listener)
	}()
	background, stop := context.WithCancel(store.Background(ctx))
	go h.sweep(background)
	go h.pulse(background)
	if h.web.Throttle != nil {
		go h.web.Throttle.Run(background)
	}
	go h.nightly(background)
	go h.follow(background)
	go h.followKeys(background)
	sealed := make(chan struct{})
	go func() { h.sealer.Run(background); close(sealed) }()
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-h.store.Fatal():
		h.log.Error("the journal cannot be written: stopping", "error", failure)
	case failure = <-served:
	}
	stop()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		failure = errors.Join(failure, err)
	}
	<-sealed
	if _, err := h.sealer.Seal(end); err != nil { // the last entries; the reason is in the log already
		h.log.Warn("the last entries are not sealed", "error", err)
	}
	if err := h.store.RunFollowers(end); err != nil {
		h.log.Warn("the last entries are not listed for searches", "error", err)
	}
	return errors.Join(failure, h.store.Close())
}

// follow keeps what is derived from the journal up to date. Nothing is lost when
// it fails: the next round takes up where the last one ended.
func (h *house) follow(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := h.store.RunFollowers(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("followers of the journal", "error", err)
			}
		}
	}
}

// sweep clears what has run its time: ended sessions, drafts without sequel.
func (h *house) sweep(ctx context.Context) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := h.store.Sweep(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("sweep", "error", err)
			}
		}
	}
}
