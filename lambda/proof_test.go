package main

import (
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// The golden vector is computed apart from the SDK's signer, by hand from
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func TestProofIsTheGoldenVector(t *testing.T) {
	file, err := os.ReadFile("testdata/proof.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		AccessKeyID     string `json:"accessKeyId"`
		SecretAccessKey string `json:"secretAccessKey"`
		SessionToken    string `json:"sessionToken"`
		Region          string `json:"region"`
		Time            time.Time
		Audience        string
		Body            string
		BodySha256      string
		URL             string
	}
	if err := json.Unmarshal(file, &golden); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", golden.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", golden.SecretAccessKey)
	t.Setenv("AWS_SESSION_TOKEN", golden.SessionToken)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(golden.Time))
		of := stack{partition: "aws", region: golden.Region}
		got, err := prove(t.Context(), of, golden.Audience, golden.BodySha256)
		if err != nil {
			t.Fatal(err)
		}
		if got != golden.URL {
			t.Errorf("got  %s\nwant %s", got, golden.URL)
		}
	})
}
