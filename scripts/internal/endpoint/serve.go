package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
)

const (
	// A proof of more than 8 KiB is told so, and not only that its headers are long.
	headerLimit = 128 << 10
	// All checks together: net/http ends a request's context when its time to be read is over.
	requestLimit = 30 * time.Second
	// How long requests that are under way have when the endpoint is stopped.
	farewell = 15 * time.Second
)

// serve runs the endpoint until the context ends.
func serve(ctx context.Context, o options, stdout io.Writer, log *slog.Logger) error {
	certificate, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return fmt.Errorf("read -cert and -key: %w", err)
	}
	kept, err := openStore(ctx, o.db)
	if err != nil {
		return err
	}
	stopping, stop := context.WithCancel(ctx)
	defer stop()
	e := &endpoint{
		audience: o.audience, sts: newSTSClient(o.sts), stsLimit: o.stsLimit, roleLimit: o.roleLimit,
		store: kept, tickets: o.tickets, log: log, refuse: o.refuse, throttle: &throttle{perSecond: o.throttle},
		early: &early{lasts: o.early, first: map[string]time.Time{}}, hang: o.hang, stopping: stopping.Done(),
	}
	if o.verifyRole {
		settings, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return errors.Join(fmt.Errorf("find credentials in the environment: %w", err), kept.db.Close())
		}
		e.role = &roleVerifier{settings, e.sts}
	}
	return errors.Join(e.listen(ctx, o, certificate, stdout), kept.db.Close())
}

// listen opens both listeners, says so, and serves until the context ends.
func (e *endpoint) listen(ctx context.Context, o options, certificate tls.Certificate, stdout io.Writer) error {
	public, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen for registrations: %w", err)
	}
	if e.audience == "" {
		e.audience = public.Addr().String()
	}
	registrations := e.server(e)
	registrations.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	ended := make(chan error, 2)
	servers := []*http.Server{registrations}
	if o.admin != "" {
		private, err := net.Listen("tcp", o.admin)
		if err != nil {
			return errors.Join(fmt.Errorf("listen for the admin: %w", err), public.Close())
		}
		shown := e.server(&admin{e.store, e.log})
		servers = append(servers, shown)
		go func() { ended <- shown.Serve(private) }()
		_, _ = fmt.Fprintf(stdout, "admin on http://%s\n", private.Addr())
	}
	go func() { ended <- registrations.ServeTLS(public, "", "") }()
	_, _ = fmt.Fprintf(stdout, "listening on https://%s\n", public.Addr())

	select {
	case err = <-ended:
	case <-ctx.Done():
		err = nil
	}
	return errors.Join(err, shutDown(servers))
}

func (e *endpoint) server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       requestLimit,
		WriteTimeout:      requestLimit,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    headerLimit,
		ErrorLog:          slog.NewLogLogger(e.log.Handler(), slog.LevelWarn),
	}
}

func shutDown(servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	var problems error
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			problems = errors.Join(problems, fmt.Errorf("stop a server: %w", err), server.Close())
		}
	}
	return problems
}
