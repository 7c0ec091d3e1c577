package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

const (
	doit          = "462932234033"
	region        = "eu-west-1"
	callers       = 200
	accounts      = 200
	registrations = 6000
)

// setting is one way to run the endpoint.
type setting struct {
	file, roles bool
}

var settings = []setting{
	{file: true, roles: true},
	{file: true, roles: false},
	{file: false, roles: true},
	{file: false, roles: false},
}

func (s setting) String() string {
	kept, looked := "in memory", "without roles"
	if s.file {
		kept = "on a file"
	}
	if s.roles {
		looked = "with roles"
	}
	return kept + ", " + looked
}

// measurement is what one commit's endpoint did in one setting.
type measurement struct {
	setting
	commit    string
	perSecond float64
	p50, p99  time.Duration
	processor time.Duration // of the endpoint, a registration
}

// measure runs all builds in turn, so that each meets the same machine, and
// takes the median of the rounds for each figure.
func measure(ctx context.Context, dir string, builds []build, s setting, rounds int) ([]measurement, error) {
	all := make([][]measurement, len(builds))
	for range rounds {
		for i, b := range builds {
			m, err := once(ctx, dir, b, s)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", b.commit, s, err)
			}
			all[i] = append(all[i], m)
		}
	}
	var medians []measurement
	for i, b := range builds {
		medians = append(medians, measurement{
			setting:   s,
			commit:    b.commit,
			perSecond: median(all[i], func(m measurement) float64 { return m.perSecond }),
			p50:       median(all[i], func(m measurement) time.Duration { return m.p50 }),
			p99:       median(all[i], func(m measurement) time.Duration { return m.p99 }),
			processor: median(all[i], func(m measurement) time.Duration { return m.processor }),
		})
	}
	return medians, nil
}

func median[T float64 | time.Duration](all []measurement, of func(measurement) T) T {
	var figures []T
	for _, m := range all {
		figures = append(figures, of(m))
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// once starts an STS and an endpoint and sends it every registration.
func once(ctx context.Context, dir string, b build, s setting) (m measurement, err error) {
	scratch, err := os.MkdirTemp(dir, "run-")
	if err != nil {
		return m, err
	}
	certificate, err := runtimeapi.NewCertificate(scratch)
	if err != nil {
		return m, err
	}
	self, err := os.Executable()
	if err != nil {
		return m, err
	}
	sts, err := start(ctx, self, doubleOfSTS)
	if err != nil {
		return m, err
	}
	defer sts.stop()
	flags := []string{
		"-listen", "127.0.0.1:0", "-cert", certificate.File, "-key", certificate.KeyFile, "-sts", sts.url,
		"-verify-role=" + strconv.FormatBool(s.roles),
	}
	if s.file {
		flags = append(flags, "-db", filepath.Join(scratch, "registrations.db"))
	}
	command := slices.Concat(b.slower, []string{b.program}, flags)
	endpoint, err := start(ctx, command[0], command[1:]...)
	if err != nil {
		return m, err
	}
	defer endpoint.stop()

	c, err := newCrowd(endpoint.url, certificate.File)
	if err != nil {
		return m, err
	}
	if _, err := c.send(ctx, 0, callers); err != nil { // what only the first ones pay
		return m, err
	}
	before, err := endpoint.processor()
	if err != nil {
		return m, err
	}
	began := time.Now()
	waits, err := c.send(ctx, callers, registrations)
	if err != nil {
		return m, err
	}
	took := time.Since(began)
	after, err := endpoint.processor()
	slices.Sort(waits)
	return measurement{
		perSecond: registrations / took.Seconds(),
		p50:       waits[len(waits)/2],
		p99:       waits[len(waits)*99/100],
		processor: (after - before) / registrations,
	}, err
}

// crowd is all callers. They take as little of the processors as they can: what
// they take the endpoint does not have.
type crowd struct {
	url    string
	dialer *tls.Dialer
	signer *v4.Signer
}

func newCrowd(url, roots string) (crowd, error) {
	text, err := os.ReadFile(roots) // #nosec G304 -- just made
	pool := x509.NewCertPool()
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = errors.New("the endpoint's certificate is none")
	}
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	return crowd{url: url, dialer: dialer, signer: v4.NewSigner()}, err
}

// send sends count registrations, of which the first has a number that no other
// had, and returns how long each took until it was taken.
func (c crowd) send(ctx context.Context, first, count int) ([]time.Duration, error) {
	waits, problems := make([]time.Duration, count), make([]error, callers)
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := caller; i < count && problems[caller] == nil; i += callers {
				began := time.Now()
				problems[caller] = c.register(ctx, first+i)
				waits[i] = time.Since(began)
			}
		})
	}
	all.Wait()
	return waits, errors.Join(problems...)
}

// register sends one registration until it is taken. Only a busy endpoint is
// asked again, as the function does.
func (c crowd) register(ctx context.Context, number int) error {
	account := fmt.Sprintf("%012d", 100000000000+number%accounts)
	role := fmt.Sprintf("doit-SupportRole-%d", number)
	body, err := json.Marshal(map[string]string{
		"requestType": "Create",
		"requestId":   fmt.Sprintf("request-%d", number),
		"stackId": "arn:aws:cloudformation:" + region + ":" + account +
			":stack/doit/5d1e8a70-c92b-11f0-8a2e-0a1b2c3d4e5f",
		"accountId":  account,
		"region":     region,
		"roleArn":    "arn:aws:iam::" + account + ":role/doit/" + role,
		"externalId": role,
		"issuedAt":   "2026-01-01T00:00:00Z",
	})
	if err != nil {
		return err
	}
	for {
		status, err := c.post(ctx, account, body)
		switch {
		case err != nil:
			return fmt.Errorf("registration %d: %w", number, err)
		case status == http.StatusOK:
			return nil
		case status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests:
			return fmt.Errorf("registration %d is answered %d", number, status)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// post sends a body on a connection of its own, as a function has that runs once.
func (c crowd) post(ctx context.Context, account string, body []byte) (status int, err error) {
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	audience := strings.TrimPrefix(c.url, "https://")
	proof, err := proofFor(account, time.Now(), audience, digest).Sign(ctx, c.signer)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/registrations", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header = http.Header{
		"Content-Type": {"application/json"}, "Idempotency-Key": {digest}, "X-Doit-Caller-Identity": {proof},
	}
	request.Close = true
	conn, err := c.dialer.DialContext(ctx, "tcp", audience)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }() // its answer is read
	if err := request.Write(conn); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, errors.Join(err, answer.Body.Close())
}

// numberOf reads a number of rounds.
func numberOf(text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("ROUNDS %q is not a number from 1 on", text)
	}
	return n, nil
}
