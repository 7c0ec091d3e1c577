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
	perAccount        int
	connections       int
	limits            limits
}

// largestLimit is more than one machine takes, of what an account sends and of connections.
const largestLimit = 1_000_000

func parseOptions(args []string, usage io.Writer) (options, error) {
	o := options{limits: theLimits}
	flags := flag.NewFlagSet("endpoint", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // a wrong value is told once, by the error
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8443",
		"serve registrations on this `address`; port 0 picks a free one")
	flags.StringVar(&o.cert, "cert", "", "TLS certificate `file`, PEM (required)")
	flags.StringVar(&o.key, "key", "", "TLS key `file`, PEM (required)")
	flags.StringVar(&o.audience, "audience", "",
		"`host[:port]` for which callers make their proofs (the listen address by default)")
	flags.Func("sts", "another STS base `URL`, as the local cloud's (AWS's own by default)",
		func(text string) (err error) {
			o.sts, err = parseBase(text)
			return err
		})
	flags.StringVar(&o.db, "db", "", "SQLite `file` (memory by default)")
	flags.StringVar(&o.admin, "admin", "", "show the registrations on this loopback `address`, as JSON and as a page")
	flags.BoolVar(&o.verifyRole, "verify-role", true, "try to assume each role, with and without its external ID")
	flags.Func("tickets", "the open tickets, `ID[@ACCOUNT],…` (every ticket by default)",
		func(text string) (err error) {
			o.tickets, err = parseTickets(text)
			return err
		})
	flags.IntVar(&o.perAccount, "per-account", 30,
		"take `N` Creates and Updates a second of one account, ten times as many at once; 0 is no limit")
	flags.IntVar(&o.connections, "connections", 1000, "keep `N` connections at most")
	flags.StringVar(&o.refuse, "refuse", "", "misbehave: refuse everything new with this `detail`")
	flags.IntVar(&o.throttle, "throttle", 0, "misbehave: take `N` requests a second and answer 429 to the rest")
	seconds := flags.Float64("early", 0, "misbehave: answer 425 for this many `seconds` after a role is first named")
	flags.BoolVar(&o.hang, "hang", false, "misbehave: never answer")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(usage)
		flags.Usage()
	}
	if err != nil {
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
	case o.perAccount < 0 || o.perAccount > largestLimit || o.connections < 1 || o.connections > largestLimit:
		return fmt.Errorf("-per-account takes a number from 0 to %d, and -connections one from 1", largestLimit)
	case strings.HasPrefix(o.db, ":") || strings.HasPrefix(o.db, "file:"):
		return fmt.Errorf("-db %s is SQLite's word and no file; memory is what it keeps without -db", o.db)
	case o.audience == "" && isWildcard(o.listen):
		return fmt.Errorf("-listen %s is every address, so -audience has to say the name that callers know", o.listen)
	case o.audience != "" && !isHost(o.audience):
		return fmt.Errorf("-audience %q is not HOST or HOST:PORT", o.audience)
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
	bare := *base == url.URL{Scheme: base.Scheme, Host: base.Host, Path: base.Path}
	rooted := base.Path == "" || base.Path == "/"
	private := base.Scheme == "https" && base.Host != "" || plain
	if !bare || !rooted || !private {
		return nil, errors.New("not https://HOST[:PORT], nor http:// on a loopback address")
	}
	return &url.URL{Scheme: base.Scheme, Host: base.Host}, nil
}

// isWildcard tells whether an address to listen on is every address.
func isWildcard(address string) bool {
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return false // listening says what is wrong
	}
	return resolved.IP == nil || resolved.IP.IsUnspecified()
}

// isHost tells whether a text is what stands between https:// and a path.
func isHost(text string) bool {
	made, err := url.Parse("https://" + text)
	return err == nil && made.Host == text && made.Hostname() != ""
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
