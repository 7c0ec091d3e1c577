// Package stack tests what the published template makes: launched through
// CloudFormation in a local cloud, which resolves it, runs the built function
// and lets IAM decide, beside DoiT's reference endpoint.
package stack

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const (
	region  = "eu-west-1"
	account = "111122223333" // the customers'
	// DoiT's own, which the template names.
	doitAccount     = "462932234033"
	strangerAccount = "999988887777"
)

// Shared by all tests of the package; each launches stacks of its own.
var (
	cloud       *localcloud.Cloud
	certificate *runtimeapi.Certificate
	published   template.Template
	zip         code.Zip // of this checkout

	// callers of AssumeRole
	engineer, doitUser, doitRoot, stranger aws.Config
	// endpointSession is what the reference endpoint assumes roles with.
	endpointSession aws.Credentials
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (status int, err error) {
	ctx := context.Background()
	root, err := repo.Root()
	if err != nil {
		return 0, err
	}
	if published, err = template.Read(); err != nil {
		return 0, err
	}
	if zip, err = code.Build(context.Background(), root); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "stack-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a scratch folder under the system's
	if certificate, err = runtimeapi.NewCertificate(dir); err != nil {
		return 0, err
	}
	cloud, err = localcloud.Start(ctx, localcloud.Options{Progress: os.Stderr, Roots: certificate.File})
	if err != nil {
		return 0, err
	}
	defer cloud.Stop()
	if err := makeCallers(ctx); err != nil {
		return 0, err
	}
	if err := localcloud.PublishCode(ctx, cloud.Root(account, region), published, zip.Bytes); err != nil {
		return 0, err
	}
	if err := agree(ctx, dir); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// found finds the repository once more: Go's test cache begins to watch with the
// first test, and sees nothing of what TestMain read and built.
func found(t *testing.T) {
	t.Helper()
	if _, err := repo.Root(); err != nil {
		t.Fatal(err)
	}
}

func makeCallers(ctx context.Context) error {
	session, err := cloud.Session(ctx, doitAccount, "support-engineer", "jane", "sts:AssumeRole")
	if err != nil {
		return err
	}
	user, err := cloud.User(ctx, doitAccount, "somebody", "sts:AssumeRole")
	if err != nil {
		return err
	}
	other, err := cloud.Session(ctx, strangerAccount, "stranger", "mallory", "sts:AssumeRole")
	if err != nil {
		return err
	}
	engineer, stranger = cloud.Config(region, session), cloud.Config(region, other)
	doitUser, doitRoot = cloud.Config(region, user), cloud.Root(doitAccount, region)
	endpointSession, err = cloud.Session(ctx, doitAccount, "registration-endpoint", "registration", "sts:AssumeRole")
	return err
}
