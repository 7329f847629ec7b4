package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// How many codes are redeemed by how many at once.
const (
	redeemCodes  = 200
	redeemRivals = 16
)

// TestRedeemOnceAcrossProcesses: each of two hundred codes is sent sixteen times at
// once, eight times to each of two processes on the same database. One of the
// sixteen gets a token. The others are replays: they get none, the first of them
// revokes what was issued, and the entries tell it.
func TestRedeemOnceAcrossProcesses(t *testing.T) {
	t.Parallel()
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, engine, 2, "RELAIS_DEBIT=non", "RELAIS_PULSATION=0") // sixteen replays of each code are the point
			drivers := []*hubDriver{f.granted("nadia", "perrin"), f.granted("julien", "haddad"), f.granted("monique", "perrin")}
			var left atomic.Int64
			var wg sync.WaitGroup
			var mu sync.Mutex
			requests := map[string]bool{}
			for _, d := range drivers {
				wg.Go(func() {
					for left.Add(1) <= redeemCodes {
						request, err := f.rival(d)
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						requests[request] = true
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			f.stop()
			entries := f.delegationEntries()
			for request := range requests {
				if got := entries[request]; !toldOnce(got) {
					t.Errorf("login %s: %v", request, got)
				}
			}
			if len(requests) != redeemCodes {
				t.Errorf("%d codes were redeemed, want %d", len(requests), redeemCodes)
			}
		})
	}
}

// toldOnce tells whether the entries of one login say that a token was issued once,
// that a replay was seen, as a refusal or as the revocation that came of it, and that
// the token was worth nothing afterwards.
func toldOnce(entries map[string]int) bool {
	replays, revoked := entries["delegation.token denied code_rejoue"], entries["delegation.revoke ok code_rejoue"]
	return entries["delegation.use ok"] == 1 && entries["delegation.token ok"] == 1 && entries["delegation.userinfo denied interrompue"] == 1 &&
		entries["delegation.userinfo ok"] == 0 && revoked <= 1 && replays+revoked >= 1 && replays+revoked < redeemRivals
}

// rival makes one code and redeems it from all sides at once.
func (f *fleet) rival(d *hubDriver) (request string, err error) {
	ctx := context.Background()
	p, err := d.begin(ctx)
	if err != nil {
		return "", err
	}
	var access [redeemRivals]string
	var failed [redeemRivals]error
	start := make(chan struct{})
	var wg sync.WaitGroup
	for n := range redeemRivals {
		wg.Go(func() {
			<-start
			access[n], failed[n] = f.redeemAt(ctx, d, f.instances[n%len(f.instances)], p.code)
		})
	}
	close(start)
	wg.Wait()
	won := ""
	for n := range access {
		if failed[n] != nil {
			return "", failed[n]
		}
		if access[n] == "" {
			continue
		}
		if won != "" {
			return "", fmt.Errorf("login %s: a code was redeemed twice", p.request)
		}
		won = access[n]
	}
	if won == "" {
		return "", fmt.Errorf("login %s: the code was redeemed by nobody", p.request)
	}
	_, err = d.identity(ctx, d.relais, won, http.StatusUnauthorized)
	return p.request, err
}

// redeemAt redeems a code at one process; "" when it is refused as used.
func (f *fleet) redeemAt(ctx context.Context, d *hubDriver, i *instance, code string) (string, error) {
	answer, status, err := d.redeemed(ctx, "http://"+i.address, code)
	switch {
	case err != nil:
		return "", err
	case status == http.StatusOK && answer.Access != "":
		return answer.Access, nil
	case status == http.StatusBadRequest && answer.Error == "invalid_grant" && answer.Access == "":
		return "", nil
	}
	return "", fmt.Errorf("token: %d %q", status, answer.Error)
}
