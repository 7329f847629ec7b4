// Command relais is the whole product in one binary: the server, its demo, and
// the verbs an operator or an auditeur needs beside it.
//
// This package wires adapters, desks and nouns together and decides the exit
// codes: 0 done, 1 refused or failed, 2 wrong usage. It holds no rule.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
