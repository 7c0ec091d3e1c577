// Package endpoint is the reference registration endpoint, which
// template/registration.openapi.yaml describes.
package endpoint

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
)

// Run serves with the flags of the command line until the context ends.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	return serve(ctx, o, stdout, slog.New(slog.NewJSONHandler(stderr, nil)))
}
