package runtimeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Posted is what the program posts for a Create. Whoever is about to run many
// tests can look at it first, where else each of them would fail for one member
// that the contract does not know.
func Posted(bootstrap string, certificate *Certificate) (_ Request, err error) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}) // which is 200
	server, err := certificate.Serve(ok)
	if err != nil {
		return Request{}, err
	}
	defer server.Close()
	process, err := Start(Environment("https://"+server.Host+"/v1/registrations", certificate.File), bootstrap)
	if err != nil {
		return Request{}, err
	}
	defer func() { err = errors.Join(err, process.Close()) }()
	event, err := json.Marshal(Event("Create", ResponseURL(server.Host, time.Now())))
	if err != nil {
		return Request{}, err
	}
	if _, err := process.Invoke(event, time.Now().Add(time.Minute)); err != nil {
		return Request{}, fmt.Errorf("invoke the function: %w: %s", err, process.Output())
	}
	for _, request := range server.Requests() {
		if request.Method == http.MethodPost {
			return request, nil
		}
	}
	return Request{}, fmt.Errorf("the function posted nothing: %s", process.Output())
}
