// Command schemathesis tries what the contract allows, and much that it does
// not, on the reference endpoint with every check on: a local cloud's STS
// confirms each proof and lets DoiT into the role.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
	"github.com/doitintl/aws-ro-access/scripts/internal/venv"
)

const (
	customer   = "111122223333"
	doit       = "462932234033"
	region     = "eu-west-1"
	externalID = "5d1d3c60-c92a-11f0-9f4d-0a1b2c3d4e5f"
)

func main() { given.Main("schemathesis", run) }

func run(ctx context.Context) (err error) {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	python, err := venv.Install(ctx, "checks", os.Stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "schemathesis-")
	if err != nil {
		return fmt.Errorf("make a folder for the certificate: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	certificate, err := runtimeapi.NewCertificate(dir)
	if err != nil {
		return err
	}
	cloud, err := localcloud.Start(ctx, localcloud.Options{Progress: os.Stderr})
	if err != nil {
		return err
	}
	defer cloud.Stop()

	us, err := cloud.Session(ctx, doit, "endpoint", "endpoint", "sts:AssumeRole")
	if err != nil {
		return err
	}
	them, err := cloud.Session(ctx, customer, "function", "function")
	if err != nil {
		return err
	}
	role, err := supportRole(ctx, cloud)
	if err != nil {
		return err
	}
	// All requests come from one account, faster than one may.
	endpoint, err := cloud.StartEndpoint(ctx, us, certificate.File, certificate.KeyFile, "-per-account", "0")
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute) // it takes ten seconds
	defer cancel()
	here := filepath.Join(root, "scripts", "schemathesis")
	st := child.Command(ctx, python, "-m", "schemathesis.cli",
		"--config-file", filepath.Join(here, "schemathesis.toml"), "run",
		"--url", endpoint.URL, "--tls-verify", certificate.File, "--phases", "examples,coverage,fuzzing",
		filepath.Join(root, "template", "registration.openapi.yaml"))
	st.Dir = dir // for what it leaves behind
	st.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS="+filepath.Join(here, "hooks.py"), "ENDPOINT="+endpoint.URL,
		"ROLE_ACCOUNT="+customer, "ROLE_REGION="+region, "ROLE_ARN="+role, "ROLE_EXTERNAL_ID="+externalID,
		"FUNCTION_ACCESS_KEY_ID="+them.AccessKeyID, "FUNCTION_SECRET_ACCESS_KEY="+them.SecretAccessKey,
		"FUNCTION_SESSION_TOKEN="+them.SessionToken)
	st.Stdout, st.Stderr = os.Stdout, os.Stderr
	if err := st.Run(); err != nil {
		return fmt.Errorf("the endpoint and the contract do not agree: %w", err)
	}
	return gotThrough(ctx, endpoint)
}

// gotThrough makes sure that not everything was refused at the first check, as
// it would be with wrong proofs.
func gotThrough(ctx context.Context, endpoint *localcloud.Endpoint) error {
	rows, err := endpoint.Registrations(ctx)
	if err != nil {
		return err
	}
	taken, looked := 0, 0
	for _, row := range rows {
		for _, event := range row.History {
			taken++
			if event.Role == registrations.Opens {
				looked++
			}
		}
	}
	fmt.Printf("%d events were taken, %d of them after a look at the role\n", taken, looked)
	if looked == 0 {
		return errors.New("no request got through all checks, so those behind the proof were not tried")
	}
	return nil
}

// supportRole makes the role that the requests register: it opens with the
// external ID and not without.
func supportRole(ctx context.Context, cloud *localcloud.Cloud) (arn string, err error) {
	trust, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": map[string]any{
		"Effect":    "Allow",
		"Action":    "sts:AssumeRole",
		"Principal": map[string]string{"AWS": "arn:aws:iam::" + doit + ":root"},
		"Condition": map[string]any{"StringEquals": map[string]string{"sts:ExternalId": externalID}},
	}})
	if err != nil {
		return "", err
	}
	made, err := iam.NewFromConfig(cloud.Root(customer, region)).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 aws.String("SupportRole"),
		Path:                     aws.String("/doit/"),
		AssumeRolePolicyDocument: aws.String(string(trust)),
	})
	if err != nil {
		return "", fmt.Errorf("make the role that is registered: %w", err)
	}
	return aws.ToString(made.Role.Arn), nil
}
