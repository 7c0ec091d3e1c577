package localcloud

import (
	"bytes"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// PublishCode puts the function's zip where the template says that it is, as
// the account given: the emulator's Lambda looks for code in its own account's
// buckets only, so that the bucket is the customer's here.
func PublishCode(ctx context.Context, as aws.Config, t template.Template, zip []byte) error {
	client, bucket := s3.NewFromConfig(as), t.DoiT["aws"].Bucket(as.Region)
	input := &s3.CreateBucketInput{Bucket: &bucket}
	if as.Region != "us-east-1" { // which S3 takes for no constraint
		input.CreateBucketConfiguration = &types.CreateBucketConfiguration{
			LocationConstraint: types.BucketLocationConstraint(as.Region),
		}
	}
	if _, err := client.CreateBucket(ctx, input); err != nil {
		return fmt.Errorf("make the code's bucket %s: %w", bucket, err)
	}
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: &t.Pin.Key, Body: bytes.NewReader(zip),
	}); err != nil {
		return fmt.Errorf("publish the function to %s: %w", bucket, err)
	}
	return nil
}
