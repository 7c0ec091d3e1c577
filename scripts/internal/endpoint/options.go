package endpoint

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// options are the command line.
type options struct {
	listen, cert, key string
	audience          string
	sts               *url.URL
	db                string
	admin             string
	verifyRole        bool
	tickets           tickets
	refuse            string
	throttle          int
	early             time.Duration
	hang              bool

	stsLimit, roleLimit time.Duration
}

func parseOptions(args []string, usage io.Writer) (options, error) {
	o := options{stsLimit: stsTimeout, roleLimit: roleTimeout}
	flags := flag.NewFlagSet("endpoint", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8443", "serve registrations on this `address`; port 0 picks a free one")
	flags.StringVar(&o.cert, "cert", "", "TLS certificate `file`, PEM (required)")
	flags.StringVar(&o.key, "key", "", "TLS key `file`, PEM (required)")
	flags.StringVar(&o.audience, "audience", "", "`host[:port]` for which callers make their proofs (the listen address by default)")
	flags.Func("sts", "another STS base `URL`, as the local cloud's (AWS's own by default)", func(text string) (err error) {
		o.sts, err = parseBase(text)
		return err
	})
	flags.StringVar(&o.db, "db", "", "SQLite `file` (memory by default)")
	flags.StringVar(&o.admin, "admin", "", "show the registrations on this loopback `address`, as JSON and as a page")
	flags.BoolVar(&o.verifyRole, "verify-role", true, "try to assume each role, with and without its external ID")
	flags.Func("tickets", "the open tickets, `ID[@ACCOUNT],…` (every ticket by default)", func(text string) (err error) {
		o.tickets, err = parseTickets(text)
		return err
	})
	flags.StringVar(&o.refuse, "refuse", "", "misbehave: refuse everything new with this `detail`")
	flags.IntVar(&o.throttle, "throttle", 0, "misbehave: take `N` requests a second and answer 429 to the rest")
	seconds := flags.Float64("early", 0, "misbehave: answer 425 for this many `seconds` after a role is first named")
	flags.BoolVar(&o.hang, "hang", false, "misbehave: never answer")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o.early = time.Duration(*seconds * float64(time.Second))
	return o, o.check(flags.NArg())
}

func (o options) check(rest int) error {
	switch {
	case rest > 0:
		return errors.New("there are arguments behind the flags; the endpoint takes flags only")
	case o.cert == "" || o.key == "":
		return errors.New("-cert and -key are missing; the endpoint speaks TLS only")
	case o.throttle < 0 || o.early < 0:
		return errors.New("-throttle and -early take no negative number")
	case o.admin != "" && !isLoopback(o.admin):
		return fmt.Errorf("-admin %s is not a loopback address; external IDs are shown there, so it must be", o.admin)
	}
	return nil
}

// parseBase reads an STS base URL. Session credentials travel to it, in the clear
// on this machine only.
func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	plain := base.Scheme == "http" && isLoopback(base.Host)
	if base.Scheme != "https" && !plain || base.Host == "" || base.User != nil ||
		base.Path != "" && base.Path != "/" || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("not https://HOST[:PORT], nor http:// on a loopback address")
	}
	return &url.URL{Scheme: base.Scheme, Host: base.Host}, nil
}

// isLoopback tells whether host or host:port is this machine to itself.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}
