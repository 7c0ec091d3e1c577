// Command lambda is the function behind the custom resource Registration of
// template/doitmanagement.yaml: it tells DoiT's registration endpoint about
// the stack's SupportRole, and tells CloudFormation how that went.
//
// One event takes one road: decode (event.go), check (properties.go),
// register (registration.go, proof.go, delivery.go), answer (answer.go);
// function.go is that road.
package main

import (
	"crypto/tls"
	_ "embed"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

//go:embed VERSION
var version string

func main() {
	withheld := new(secrets)
	startLog(os.Stderr, os.Getenv("AWS_LAMBDA_LOG_LEVEL"), withheld)
	lambda.Start(&function{
		endpoint:  os.Getenv("REGISTRATION_ENDPOINT"),
		transport: newTransport(),
		withheld:  withheld,
	})
}

// newTransport returns the one way out of the process. It is used without an
// http.Client, which would follow redirects, send the presigned URL on as
// Referer, and put it into its errors.
func newTransport() *http.Transport {
	return &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		// Lambda freezes the process between events, which breaks idle connections, and net/http would replay a request
		// with an Idempotency-Key on a broken one by itself, with the same proof.
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
