package endpoint

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// userClient speaks as an IAM user of the customer's.
func userClient(t *testing.T, name string) *sts.Client {
	t.Helper()
	if err := startCloud(); err != nil {
		t.Fatal(err)
	}
	user, err := cloud.User(t.Context(), customer, name, "sts:*")
	if err != nil {
		t.Fatal(err)
	}
	return sts.NewFromConfig(cloud.Config(home, user))
}

// userSession has temporary credentials, as a proof must, but of a user.
func userSession(t *testing.T) aws.Credentials {
	made, err := userClient(t, "bob").GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return temporary(made.Credentials)
}

func federated(t *testing.T) aws.Credentials {
	made, err := userClient(t, "alice").GetFederationToken(t.Context(), &sts.GetFederationTokenInput{
		Name: aws.String("doit-RegistrationRole"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return temporary(made.Credentials)
}

func temporary(c *types.Credentials) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken,
	}
}
