package endpoint

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

const (
	// A request's headers have 20 KiB: net/http allows 4 KiB more than it is told.
	headerLimit   = 16 << 10
	headerTimeout = 5 * time.Second
	// Nobody takes longer to read an answer than the function waits for it.
	answerTimeout = 10 * time.Second
	// How long requests that are under way have when the endpoint is stopped.
	farewell = 14 * time.Second
	// How long it may take to find credentials when the endpoint is started.
	credentialsTimeout = 5 * time.Second
	forgetEvery        = time.Hour
)

// serve runs the endpoint until the context ends.
func serve(ctx context.Context, o options, stdout io.Writer, log *slog.Logger) error {
	if err := enoughFiles(o); err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return fmt.Errorf("read -cert and -key: %w", err)
	}
	stopping, stop := context.WithCancel(ctx)
	defer stop()
	e := &endpoint{
		audience: o.audience, limits: o.limits, sts: newSTSClient(o.sts), tickets: o.tickets, log: log,
		identityCalls: newGate(o.limits.identityCalls, o.limits.identityCalls),
		roleCalls:     newGate(o.limits.roleCalls, o.limits.roleCallsOfAccount),
		gives:         newBuckets(o.perAccount), takes: newBuckets(o.perAccount),
		refuse: o.refuse, throttle: &throttle{perSecond: o.throttle},
		early: &early{lasts: o.early, first: map[string]time.Time{}}, hang: o.hang, stopping: stopping.Done(),
	}
	if o.verifyRole {
		credentials, err := findCredentials(ctx, log)
		if err != nil {
			return err
		}
		e.role = &roleVerifier{credentials: credentials, signer: v4.NewSigner(), sts: e.sts}
	}
	if e.store, err = openStore(ctx, o.db, o.limits); err != nil {
		return err
	}
	if err := e.store.forget(ctx, time.Now()); err != nil {
		return errors.Join(err, e.store.close())
	}
	forgetting := make(chan struct{})
	go func() {
		defer close(forgetting)
		e.forget(stopping)
	}()
	err = e.listen(ctx, o, certificate, stdout)
	stop()
	<-forgetting
	return errors.Join(err, e.store.close())
}

// enoughFiles tells whether the process may open as many files as the options let
// it: a connection more would be a caller whom nobody takes.
func enoughFiles(o options) error {
	const spare = 64 // listeners, the log, people on the admin's page
	// A question has a connection of its own, and as many are kept for the next ones. Who reads or writes the
	// database has it open, and its log.
	most := o.connections + 2*(o.limits.identityCalls+o.limits.roleCalls) + 2*(mostReaders+1) + spare
	var may syscall.Rlimit // which the runtime has raised as far as it can
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &may); err != nil {
		return fmt.Errorf("read how many files may be open: %w", err)
	}
	if may.Cur < uint64(most) { // #nosec G115 -- positive
		return fmt.Errorf("with -connections %d it may need %d open files, and the system allows %d:"+
			" raise its limit (ulimit -n, or LimitNOFILE= of systemd)", o.connections, most, may.Cur)
	}
	return nil
}

// findCredentials finds those of DoiT's role in the usual AWS environment. It
// looks now, since the first customer would be told otherwise.
func findCredentials(ctx context.Context, log *slog.Logger) (aws.CredentialsProvider, error) {
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	// The environment may ask for FIPS endpoints, which STS does not have everywhere.
	// What the SDK has to say itself is no line of JSON; what fails is told by us.
	settings, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}),
		config.WithUseFIPSEndpoint(aws.FIPSEndpointStateDisabled))
	if err != nil {
		return nil, fmt.Errorf("read the AWS environment: %w", err)
	}
	found, err := settings.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("find credentials for AssumeRole in the AWS environment"+
			" (-verify-role=false needs none): %w", err)
	}
	if found.SessionToken == "" {
		log.WarnContext(ctx, "the credentials for AssumeRole are not a role's; the template's roles admit roles only")
	}
	return settings.Credentials, nil
}

// forget removes what was deleted long ago, from time to time.
func (e *endpoint) forget(ctx context.Context) {
	hourly := time.NewTicker(forgetEvery)
	defer hourly.Stop()
	for {
		select {
		case now := <-hourly.C:
			if err := e.store.forget(ctx, now); err != nil {
				e.log.WarnContext(ctx, "forget what was deleted", "error", err.Error())
			}
		case <-ctx.Done():
			return
		}
	}
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
	registrations.TLSConfig = &tls.Config{
		Certificates:           []tls.Certificate{certificate},
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true, // a function calls once, and has nothing to take up
	}
	callers := newCrowd(public, o.connections, o.limits.request)
	watch(registrations)
	ended := make(chan error, 2)
	servers := []*http.Server{registrations}
	if o.admin != "" {
		private, err := net.Listen("tcp", o.admin)
		if err != nil {
			return errors.Join(fmt.Errorf("listen for the admin: %w", err), public.Close())
		}
		shown := e.server(&admin{store: e.store, log: e.log})
		servers = append(servers, shown)
		go func() { ended <- shown.Serve(private) }()
		_, _ = fmt.Fprintf(stdout, "admin on http://%s\n", private.Addr())
	}
	go func() { ended <- registrations.ServeTLS(callers, "", "") }()
	_, _ = fmt.Fprintf(stdout, "listening on https://%s\n", public.Addr())

	select {
	case err = <-ended:
	case <-ctx.Done():
		err = nil
	}
	_ = callers.stop() // a listener that is closed already is as good
	e.shutDown(servers)
	return err
}

func (e *endpoint) server(handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       e.limits.body, // net/http waits for the rest of a body that nobody reads
		WriteTimeout:      answerTimeout,
		IdleTimeout:       e.limits.idle,
		MaxHeaderBytes:    headerLimit,
		Protocols:         &http.Protocols{},
		ErrorLog:          log.New(protocolLog{e.log}, "", 0),

		DisableGeneralOptionsHandler: true, // "OPTIONS *" is a path like any other
	}
	server.Protocols.SetHTTP1(true) // a stranger's HTTP/2 costs more than it is worth
	return server
}

// protocolLog takes net/http's own lines. They quote what nobody has proved, and as
// much as a stranger likes; a panic's stack is ours.
type protocolLog struct{ log *slog.Logger }

func (p protocolLog) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	if !strings.HasPrefix(text, "http: panic serving ") {
		text = cut(text, longestLogged)
	}
	p.log.Warn(text)
	return len(line), nil
}

// shutDown lets the servers end what has begun. What does not end in time is
// broken off, and its caller asks again.
func (e *endpoint) shutDown(servers []*http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			e.log.WarnContext(ctx, "stop a server", "error", errors.Join(err, server.Close()).Error())
		}
	}
}
