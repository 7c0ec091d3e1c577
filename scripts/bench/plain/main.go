// Command plain is the function as one would write it from the documentation
// of the cfn package of aws-lambda-go and of the SDK: a presigned
// GetCallerIdentity by the STS client, one POST, one answer by the wrapper.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	r := registrar{presigner: sts.NewPresignClient(sts.NewFromConfig(cfg))}
	lambda.Start(cfn.LambdaWrap(r.register))
}

type registrar struct {
	presigner *sts.PresignClient
}

func (r registrar) register(ctx context.Context, event cfn.Event) (id string, data map[string]any, err error) {
	id, _ = event.ResourceProperties["RoleArn"].(string)
	proof, err := r.presigner.PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return id, nil, fmt.Errorf("presign GetCallerIdentity: %w", err)
	}
	body, err := json.Marshal(map[string]any{
		"requestType": event.RequestType,
		"requestId":   event.RequestID,
		"stackId":     event.StackID,
		"roleArn":     id,
		"externalId":  event.ResourceProperties["ExternalId"],
	})
	if err != nil {
		return id, nil, err
	}
	endpoint := os.Getenv("REGISTRATION_ENDPOINT")
	// #nosec G704 -- as plain as it gets
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return id, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Caller-Identity", proof.URL)
	response, err := http.DefaultClient.Do(request) // #nosec G704 -- as above
	if err != nil {
		return id, nil, err
	}
	defer func() { _ = response.Body.Close() }() // only its status was of interest
	if response.StatusCode != http.StatusOK {
		return id, nil, fmt.Errorf("the endpoint answered %s", response.Status)
	}
	return id, nil, nil
}
