package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// object is one thing to publish.
type object struct {
	bucket, region, key string
	body                []byte
	latest              bool // may replace what is there
}

func (o object) String() string { return "s3://" + o.bucket + "/" + o.key }

// sha256 is the body's digest as S3 writes it.
func (o object) sha256() string {
	sum := sha256.Sum256(o.body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// put makes sure that the object is there, and tells whether it was uploaded
// for that. Only the owner's bucket is written to: one in a region that DoiT
// has not claimed yet may be anybody's.
func (o object) put(ctx context.Context, bucket *s3.Client, owner string) (uploaded bool, err error) {
	same, err := o.isThere(ctx, bucket, owner)
	if err != nil || same {
		return false, err
	}
	input := &s3.PutObjectInput{
		Bucket: &o.bucket, Key: &o.key, ExpectedBucketOwner: &owner,
		Body:           strings.NewReader(string(o.body)),
		ContentType:    aws.String(o.contentType()),
		ChecksumSHA256: aws.String(o.sha256()), // S3 refuses other bytes than these
	}
	if !o.latest {
		input.IfNoneMatch = aws.String("*")
	}
	_, err = bucket.PutObject(ctx, input)
	answer, refused := errors.AsType[smithy.APIError](err)
	somebodyWasFaster := refused && answer.ErrorCode() == "PreconditionFailed"
	if err != nil && !somebodyWasFaster {
		return false, fmt.Errorf("upload %s: %w", o, err)
	}
	same, err = o.isThere(ctx, bucket, owner)
	if err == nil && !same {
		err = fmt.Errorf("%s was uploaded, and is not there", o)
	}
	return !somebodyWasFaster, err
}

// isThere tells whether the bucket holds exactly this object. Other bytes under
// a key that is never overwritten are an error.
func (o object) isThere(ctx context.Context, bucket *s3.Client, owner string) (bool, error) {
	head, err := bucket.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &o.bucket, Key: &o.key, ExpectedBucketOwner: &owner, ChecksumMode: types.ChecksumModeEnabled,
	})
	if _, ok := errors.AsType[*types.NotFound](err); ok {
		return false, nil // or the bucket is not there, as the upload will say
	}
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", o, err)
	}
	found := aws.ToString(head.ChecksumSHA256)
	if found == "" { // uploaded by something else than this program
		if found, err = o.digestThere(ctx, bucket, owner); err != nil {
			return false, err
		}
	}
	if found == o.sha256() {
		return true, nil
	}
	if !o.latest {
		return false, fmt.Errorf("%s holds other bytes, and is never overwritten: their SHA-256 is %s, not %s", o,
			hexOf(found), hexOf(o.sha256()))
	}
	return false, nil
}

func (o object) digestThere(ctx context.Context, bucket *s3.Client, owner string) (digest string, err error) {
	got, err := bucket.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.bucket, Key: &o.key, ExpectedBucketOwner: &owner})
	if err != nil {
		return "", fmt.Errorf("read %s: %w", o, err)
	}
	defer func() { err = errors.Join(err, got.Body.Close()) }()
	sum := sha256.New()
	if _, err := io.Copy(sum, got.Body); err != nil {
		return "", fmt.Errorf("read %s: %w", o, err)
	}
	return base64.StdEncoding.EncodeToString(sum.Sum(nil)), nil
}

// contentType lets a browser show a template, run the page, and save a zip.
func (o object) contentType() string {
	switch path.Ext(o.key) {
	case ".zip":
		return "application/zip"
	case ".html":
		return "text/html; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}

func hexOf(digest string) string {
	raw, err := base64.StdEncoding.DecodeString(digest)
	if err != nil {
		return digest
	}
	return hex.EncodeToString(raw)
}
