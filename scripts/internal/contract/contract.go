// Package contract holds requests and answers against
// template/registration.openapi.yaml, so that neither the function nor the
// reference endpoint can part from the document that others build on.
package contract

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// Request tells what of a registration, as it was received, is not the contract's.
func Request(header http.Header, body []byte) error {
	operation, err := register()
	if err != nil {
		return err
	}
	for name, values := range header {
		if len(values) != 1 { // the library looks at the first only
			return fmt.Errorf("the header %s came %d times", name, len(values))
		}
	}
	// What no schema can say, and the library's decoder takes: something behind the document.
	if !json.Valid(body) {
		return errors.New("the body is not one JSON document")
	}
	sum := sha256.Sum256(body)
	if header.Get("Idempotency-Key") != hex.EncodeToString(sum[:]) {
		return errors.New("the Idempotency-Key is not the digest of the body")
	}
	request := &http.Request{Method: http.MethodPost, Header: header, Body: io.NopCloser(bytes.NewReader(body))}
	return openapi3filter.ValidateRequest(context.Background(), &openapi3filter.RequestValidationInput{
		Request: request,
		Route:   operation,
		Options: options(),
	})
}

// Response tells what of an endpoint's answer to a registration is not the contract's.
func Response(status int, header http.Header, body []byte) error {
	operation, err := register()
	if err != nil {
		return err
	}
	// The document names some statuses for what proxies say; it gives them no content.
	if answer := operation.Operation.Responses.Status(status); answer == nil || answer.Value.Content == nil {
		return fmt.Errorf("status %d is not one that an endpoint answers itself", status)
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: &http.Request{Method: http.MethodPost},
			Route:   operation,
		},
		Status:  status,
		Header:  header,
		Body:    io.NopCloser(bytes.NewReader(body)),
		Options: options(),
	})
}

// options have all that is wrong told, each in a line, without the schema.
func options() *openapi3filter.Options {
	all := &openapi3filter.Options{
		MultiError: true,
		// The one scheme is a header, which is a required parameter too.
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
	}
	all.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string { return err.Reason })
	return all
}

// register is the document's one operation.
var register = sync.OnceValues(func() (*routers.Route, error) {
	root, err := repo.Root()
	if err != nil {
		return nil, err
	}
	document, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, "template", "registration.openapi.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	if err := document.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("the contract is not valid OpenAPI: %w", err)
	}
	const path = "/v1/registrations"
	item := document.Paths.Value(path)
	if item == nil || item.Post == nil {
		return nil, fmt.Errorf("the contract has no POST of %s", path)
	}
	return &routers.Route{
		Spec:      document,
		Path:      path,
		PathItem:  item,
		Method:    http.MethodPost,
		Operation: item.Post,
	}, nil
})
