package endpoint

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// TestGoldenVector reads what the function is tested with too: both sides of the
// proof agree on one URL.
func TestGoldenVector(t *testing.T) {
	t.Parallel()
	text, err := repo.ReadFile("lambda/testdata/proof.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		AccessKeyID, SecretAccessKey, SessionToken, Region string
		Time                                               time.Time
		Audience, Body, BodySHA256, URL                    string
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if got := sha256Hex([]byte(v.Body)); got != v.BodySHA256 {
		t.Errorf("the body's digest is %s, want %s", got, v.BodySHA256)
	}
	p, err := rebuild(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	signer := p.token == v.SessionToken && p.accessKeyID == v.AccessKeyID && p.region == v.Region
	if p.url(p.host()) != v.URL || !p.signedAt.Equal(v.Time) || !signer {
		t.Errorf("rebuilt %+v: %s", p, p.url(p.host()))
	}
	as := aws.Credentials{
		AccessKeyID: v.AccessKeyID, SecretAccessKey: v.SecretAccessKey, SessionToken: v.SessionToken,
	}
	signed := presign(t, as, v.Region, v.Time, "https://sts.eu-west-1.amazonaws.com", map[string]string{
		"X-DoiT-Audience": v.Audience, "X-DoiT-Content-SHA256": v.BodySHA256,
	})
	if signed != v.URL {
		t.Errorf("the SDK signs %s, want %s", signed, v.URL)
	}
	if _, err := decode([]byte(v.Body)); err != nil {
		t.Errorf("the body is no registration: %v", err)
	}
}
