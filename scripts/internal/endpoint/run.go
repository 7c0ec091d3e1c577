// Package endpoint is the reference registration endpoint, which
// template/registration.openapi.yaml describes.
package endpoint

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// mostToEnd is how long the end may take: farewell, and a second for the database.
const mostToEnd = farewell + time.Second

// Main is the program. A signal ends what has begun, and a second one ends it at once.
func Main() (status int) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		select {
		case <-signals:
		case <-time.After(mostToEnd): // the disk does not answer; what was said to be taken is on it
		}
		os.Exit(1)
	}()
	// The garbage of one request is nothing to collect: a tenth of the processor's time. The limit lets more
	// of it lie only while there is room, and keeps an attack from having the memory five times over.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(192 << 20)
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "endpoint:", err)
		return 1
	}
	return 0
}

// run serves with the flags of the command line until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	err = serve(ctx, o, stdout, slog.New(slog.NewJSONHandler(stderr, nil)))
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // a signal came before anything had begun
	}
	return err
}
