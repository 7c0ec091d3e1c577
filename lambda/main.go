// Command lambda is the function behind the custom resource Registration of template/doitmanagement.yaml: it tells
// DoiT's registration endpoint of the stack's SupportRole, and CloudFormation how that went. One event takes one road,
// which function.go shows: decode, check, register, answer.
package main

import (
	"crypto/tls"
	_ "embed"
	"log"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

//go:embed VERSION
var version string

func main() {
	lines := newLogger(os.Stderr, os.Getenv("AWS_LAMBDA_LOG_LEVEL"))
	log.SetFlags(0)
	log.SetOutput(lines) // of aws-lambda-go and net/http
	lambda.Start(newFunction(os.Getenv("REGISTRATION_ENDPOINT"), lines))
}

func newFunction(endpoint string, lines logger) *function {
	// Used as it is: a Client follows redirects, sends the presigned URL on as Referer, and shows it in its errors.
	// Nothing is kept alive, since Lambda freezes the process between events.
	return &function{endpoint: endpoint, log: lines, transport: &http.Transport{
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
	}}
}
