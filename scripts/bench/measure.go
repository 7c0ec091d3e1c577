package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// measure starts each peer so many times, in turn, and once before that for
// the caches of the file system.
func measure(ctx context.Context, peers []*peer, dir string, runs int) error {
	certificate, err := runtimeapi.NewCertificate(dir)
	if err != nil {
		return err
	}
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	endpoint, err := certificate.Serve(ok)
	if err != nil {
		return err
	}
	defer endpoint.Close()
	cloudformation, err := certificate.Serve(ok)
	if err != nil {
		return err
	}
	defer cloudformation.Close()

	b := bench{certificate: certificate, endpoint: endpoint, cloudformation: cloudformation}
	for i := range runs + 1 {
		for turn := range peers {
			p := peers[(i+turn)%len(peers)] // nobody always follows the same one
			if err := b.once(ctx, p, i > 0); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

type bench struct {
	certificate              *runtimeapi.Certificate
	endpoint, cloudformation *runtimeapi.Server
}

// once is one process and one Create.
func (b bench) once(ctx context.Context, p *peer, counts bool) (err error) {
	b.endpoint.Forget()
	b.cloudformation.Forget()
	environment := runtimeapi.Environment("https://"+b.endpoint.Host+"/v1/registrations", b.certificate.File)
	process, err := runtimeapi.Start(environment, p.command...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.Close()) }()
	ready, err := process.Ready(ctx)
	if err != nil {
		return err
	}
	event, err := json.Marshal(runtimeapi.Event("Create", runtimeapi.ResponseURL(b.cloudformation.Host, time.Now())))
	if err != nil {
		return err
	}
	result, err := process.Invoke(event, time.Now().Add(3*time.Minute))
	if err != nil {
		return err
	}
	if result.Error != nil {
		return fmt.Errorf("the event ended in an error: %s", result.Error.Body)
	}
	took := result.Done.Sub(result.Taken)
	if p.answers {
		if took, err = b.toAnswer(result); err != nil {
			return err
		}
	}
	_, peak, err := process.Memory()
	if err != nil || !counts {
		return err
	}
	p.init = append(p.init, amount{ready.Sub(process.Started).Seconds(), seconds})
	p.answer = append(p.answer, amount{took.Seconds(), seconds})
	p.memory = append(p.memory, amount{float64(peak), bytesUnit})
	return nil
}

// toAnswer is the time from the event to the answer, less what the endpoint's
// handler took in between. The servers' half of the TLS handshakes is in it,
// for each peer the same.
func (b bench) toAnswer(result runtimeapi.Result) (time.Duration, error) {
	posts, answers := b.endpoint.Requests(), b.cloudformation.Requests()
	if len(posts) != 1 || len(answers) != 1 {
		return 0, fmt.Errorf("%d registrations and %d answers came, want one of each", len(posts), len(answers))
	}
	var answer struct{ Status, Reason string }
	if err := json.Unmarshal(answers[0].Body, &answer); err != nil {
		return 0, fmt.Errorf("the answer %q: %w", answers[0].Body, err)
	}
	if answer.Status != "SUCCESS" {
		return 0, errors.New("CloudFormation was told " + answer.Status + ": " + answer.Reason)
	}
	return answers[0].Received.Sub(result.Taken) - posts[0].Answered.Sub(posts[0].Received), nil
}
