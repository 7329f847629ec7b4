package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"

	"relais/internal/temoin"
)

// witness runs a witness of somebody else's journal until it is asked to stop.
func witness(ctx context.Context, c call) error {
	flags := flag.NewFlagSet("witness", flag.ContinueOnError)
	data, listen, name := flags.String("data", "temoin", ""), flags.String("listen", "127.0.0.1:8090", ""), flags.String("name", "", "")
	public := flags.String("url", "", "")
	logs, err := words(flags, c.args)
	if err != nil || len(logs) == 0 || *name == "" {
		return errUsage
	}
	w, err := temoin.Open(*data, *name, logs...)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	if *public == "" {
		*public = "http://" + listener.Addr().String()
	}
	fmt.Fprintf(c.stdout, "Témoin prêt. À mettre dans le fichier RELAIS_JOURNAL_POLICY du journal :\nwitness %s %s %s\nquorum %s\n", *name, w.VKey(), *public, *name)
	server := newHTTPServer(w.Handler(), quiet(c.stderr))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer stop()
	return errors.Join(server.Shutdown(end))
}
