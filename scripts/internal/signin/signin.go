// Package signin tells whether whoever runs a program is signed in to AWS.
package signin

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Check fails unless there are credentials, and says how to get some.
func Check(ctx context.Context, as aws.Config) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // of which most is for a machine that is none of EC2's
	defer cancel()
	if _, err := as.Credentials.Retrieve(ctx); err != nil {
		return errors.New("no AWS credentials were found, or they have expired: sign in (aws login, " +
			"aws sso login), set AWS_PROFILE, or run this in AWS CloudShell")
	}
	return nil
}
