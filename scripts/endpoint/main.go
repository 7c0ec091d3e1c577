// Command endpoint is the reference registration endpoint. It believes nobody:
// every registration proves which AWS account sent it, and the role is tried
// before it is recorded.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parseOptions(os.Args[1:], os.Stderr)
	if err == nil {
		err = serve(ctx, o, os.Stdout, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "endpoint:", err)
		os.Exit(1)
	}
}
