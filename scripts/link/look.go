package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// patience is for all that is looked at, which is done at once.
const patience = 3 * time.Second

// look asks for what the launch names, as anybody could, and returns a note for
// each that is not there, or of which nobody says so.
func look(ctx context.Context, published launch.Published, page []byte, paths []string, region string) []string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	bodies := map[string][]byte{
		template.Path:             published.Account.Body,
		template.OrganizationPath: published.Organization.Body,
		template.LaunchPath:       page,
	}
	var addresses []string
	for _, path := range paths {
		addresses = append(addresses, template.URL(path, bodies[path]))
	}
	if region != "" { // the page asks for it
		addresses = append(addresses, published.CodeURL(region))
	}
	notes := make([]string, len(addresses))
	var group sync.WaitGroup
	for n, address := range addresses {
		group.Go(func() { notes[n] = lookAt(ctx, address) })
	}
	group.Wait()
	var said []string
	for _, note := range notes {
		if note != "" {
			said = append(said, note)
		}
	}
	return said
}

func lookAt(ctx context.Context, address string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return err.Error()
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("nobody answered within %.0f seconds at %s", patience.Seconds(), address)
	case err != nil:
		return fmt.Sprintf("nobody answered: %v", err)
	}
	_ = answer.Body.Close() // of a HEAD, which has none
	switch answer.StatusCode {
	case http.StatusOK:
		return ""
	case http.StatusForbidden, http.StatusNotFound: // S3 says 403 to whoever may not list the bucket
		return address + " is not there, or not public: the launch would fail"
	}
	return fmt.Sprintf("%s answered %s: the launch may fail", address, answer.Status)
}
