package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// call is one request of a session.
type call = func(context.Context, aws.Config) error

// opened is a resource whose own policy admits a session to everything.
type opened struct {
	settings call            // what SecurityAudit grants
	beyond   map[string]call // its data, and changes of it
}

// TestAResourcesOwnPolicyOpensNothing makes one resource of each kind that the
// emulator evaluates, with a policy of its own that admits the session, in each
// way that a policy can name it. Then it takes ResourcePolicyLimits away, and
// the same calls succeed.
func TestAResourcesOwnPolicyOpensNothing(t *testing.T) {
	t.Parallel()
	for name, principal := range map[string]func(s *stack) string{
		"everybody":         func(*stack) string { return "*" },
		"the role's ARN":    func(s *stack) string { return s.outputs["RoleArn"] },
		"the session's ARN": func(s *stack) string { return s.sessionARN() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newCustomer(t).launch(parameters{"TicketId": openTicket})
			resources := s.openAll(principal(s))
			session := s.enter()
			for kind, resource := range resources {
				if err := resource.settings(t.Context(), session); err != nil {
					t.Errorf("the settings of a %s: %v, want to read them", kind, err)
				}
				for what, call := range resource.beyond {
					s.wantRefused(kind+": "+what, call(t.Context(), session))
				}
			}
			s.detach("ResourcePolicyLimits")
			for kind, resource := range resources {
				for what, call := range resource.beyond {
					if err := call(t.Context(), session); err != nil {
						t.Errorf("%s: %s without the limits: %v, or its refusal proves nothing", kind, what, err)
					}
				}
			}
		})
	}
}

func (s *stack) sessionARN() string {
	return "arn:aws:sts::" + account + ":assumed-role/" + s.roleName() + "/" + openTicket + "-jane"
}

// ownPolicy is a resource's policy that admits a principal to some actions.
func ownPolicy(principal, actions string, resources ...string) *string {
	statement := map[string]any{
		"Effect": "Allow", "Principal": map[string]any{"AWS": principal}, "Action": strings.Fields(actions),
	}
	if principal == "*" { // as organizations write it
		statement["Principal"] = "*"
		statement["Condition"] = map[string]any{"StringEquals": map[string]any{"aws:PrincipalAccount": account}}
	}
	if len(resources) > 0 {
		statement["Resource"] = resources
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{statement}})
	if err != nil {
		panic(err) // only strings go in
	}
	return aws.String(string(text))
}

func (s *stack) openAll(principal string) map[string]opened {
	return map[string]opened{
		"bucket": s.openBucket(principal), "topic": s.openTopic(principal), "queue": s.openQueue(principal),
		"secret": s.openSecret(principal), "key": s.openKey(principal), "repository": s.openRepository(principal),
		"function": s.openFunction(principal), "stream": s.openStream(principal),
	}
}

func (s *stack) openBucket(principal string) opened {
	s.Helper()
	client, name := s3.NewFromConfig(s.config), "data-of-"+s.name
	_, err := client.CreateBucket(s.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	s.must(err)
	put := func(ctx context.Context, as aws.Config) error {
		return second(s3.NewFromConfig(as).PutObject(ctx, &s3.PutObjectInput{
			Bucket: &name, Key: aws.String("payroll.csv"), Body: bytes.NewReader(nil),
		}))
	}
	s.must(put(s.Context(), s.config))
	_, err = client.PutBucketPolicy(s.Context(), &s3.PutBucketPolicyInput{
		Bucket: &name, Policy: ownPolicy(principal, "s3:*", "arn:aws:s3:::"+name, "arn:aws:s3:::"+name+"/*"),
	})
	s.must(err)
	return opened{
		settings: func(ctx context.Context, as aws.Config) error {
			return second(s3.NewFromConfig(as).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &name}))
		},
		beyond: map[string]call{
			"write an object": put,
			"read an object": func(ctx context.Context, as aws.Config) error {
				return second(s3.NewFromConfig(as).GetObject(ctx, &s3.GetObjectInput{
					Bucket: &name, Key: aws.String("payroll.csv"),
				}))
			},
			"delete an object": func(ctx context.Context, as aws.Config) error {
				return second(s3.NewFromConfig(as).DeleteObject(ctx, &s3.DeleteObjectInput{
					Bucket: &name, Key: aws.String("another.csv"),
				}))
			},
		},
	}
}

// AWS gives each topic a policy that admits everybody of its account. The
// emulator writes that one too, but does not know its condition, so that it is
// written here in other words.
func (s *stack) openTopic(principal string) opened {
	s.Helper()
	client := sns.NewFromConfig(s.config)
	made, err := client.CreateTopic(s.Context(), &sns.CreateTopicInput{Name: aws.String("alarms-of-" + s.name)})
	s.must(err)
	topic := made.TopicArn
	_, err = client.SetTopicAttributes(s.Context(), &sns.SetTopicAttributesInput{
		TopicArn: topic, AttributeName: aws.String("Policy"), AttributeValue: ownPolicy(principal, "sns:*", *topic),
	})
	s.must(err)
	return opened{
		settings: func(ctx context.Context, as aws.Config) error {
			return second(sns.NewFromConfig(as).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: topic}))
		},
		beyond: map[string]call{
			"change it": func(ctx context.Context, as aws.Config) error {
				return second(sns.NewFromConfig(as).SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{
					TopicArn: topic, AttributeName: aws.String("DisplayName"), AttributeValue: aws.String("mallory"),
				}))
			},
			"publish": func(ctx context.Context, as aws.Config) error {
				return second(sns.NewFromConfig(as).Publish(ctx, &sns.PublishInput{
					TopicArn: topic, Message: aws.String("all is well"),
				}))
			},
			"subscribe": func(ctx context.Context, as aws.Config) error {
				return second(sns.NewFromConfig(as).Subscribe(ctx, &sns.SubscribeInput{
					TopicArn: topic, Protocol: aws.String("sqs"),
					Endpoint: aws.String("arn:aws:sqs:" + region + ":" + strangerAccount + ":mallory"),
				}))
			},
		},
	}
}

func (s *stack) openQueue(principal string) opened {
	s.Helper()
	client := sqs.NewFromConfig(s.config)
	made, err := client.CreateQueue(s.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders-of-" + s.name)})
	s.must(err)
	arn := "arn:aws:sqs:" + region + ":" + account + ":orders-of-" + s.name
	_, err = client.SetQueueAttributes(s.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: made.QueueUrl, Attributes: map[string]string{"Policy": *ownPolicy(principal, "sqs:*", arn)},
	})
	s.must(err)
	return opened{
		settings: func(ctx context.Context, as aws.Config) error {
			return second(sqs.NewFromConfig(as).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
				QueueUrl: made.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"All"},
			}))
		},
		beyond: map[string]call{
			"receive": func(ctx context.Context, as aws.Config) error {
				return second(sqs.NewFromConfig(as).ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
					QueueUrl: made.QueueUrl,
				}))
			},
			"send": func(ctx context.Context, as aws.Config) error {
				return second(sqs.NewFromConfig(as).SendMessage(ctx, &sqs.SendMessageInput{
					QueueUrl: made.QueueUrl, MessageBody: aws.String("one more"),
				}))
			},
			"purge": func(ctx context.Context, as aws.Config) error {
				return second(sqs.NewFromConfig(as).PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: made.QueueUrl}))
			},
		},
	}
}

func (s *stack) openSecret(principal string) opened {
	s.Helper()
	client, name := secretsmanager.NewFromConfig(s.config), aws.String("password-of-"+s.name)
	_, err := client.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{
		Name: name, SecretString: aws.String("correct horse"),
	})
	s.must(err)
	_, err = client.PutResourcePolicy(s.Context(), &secretsmanager.PutResourcePolicyInput{
		SecretId: name, ResourcePolicy: ownPolicy(principal, "secretsmanager:*", "*"),
	})
	s.must(err)
	return opened{
		settings: func(ctx context.Context, as aws.Config) error {
			return second(secretsmanager.NewFromConfig(as).DescribeSecret(ctx,
				&secretsmanager.DescribeSecretInput{SecretId: name}))
		},
		beyond: map[string]call{
			"read it": func(ctx context.Context, as aws.Config) error {
				return second(secretsmanager.NewFromConfig(as).GetSecretValue(ctx,
					&secretsmanager.GetSecretValueInput{SecretId: name}))
			},
			"change it": func(ctx context.Context, as aws.Config) error {
				return second(secretsmanager.NewFromConfig(as).PutSecretValue(ctx,
					&secretsmanager.PutSecretValueInput{SecretId: name, SecretString: aws.String("battery staple")}))
			},
		},
	}
}

func (s *stack) openKey(principal string) opened {
	s.Helper()
	client := kms.NewFromConfig(s.config)
	made, err := client.CreateKey(s.Context(), &kms.CreateKeyInput{Policy: ownPolicy(principal, "kms:*", "*")})
	s.must(err)
	id := made.KeyMetadata.KeyId
	encrypted, err := client.Encrypt(s.Context(), &kms.EncryptInput{KeyId: id, Plaintext: []byte("correct horse")})
	s.must(err)
	return opened{
		settings: func(ctx context.Context, as aws.Config) error {
			return second(kms.NewFromConfig(as).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id}))
		},
		beyond: map[string]call{
			"decrypt": func(ctx context.Context, as aws.Config) error {
				return second(kms.NewFromConfig(as).Decrypt(ctx, &kms.DecryptInput{
					KeyId: id, CiphertextBlob: encrypted.CiphertextBlob,
				}))
			},
			"encrypt": func(ctx context.Context, as aws.Config) error {
				return second(kms.NewFromConfig(as).Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")}))
			},
			"make a data key": func(ctx context.Context, as aws.Config) error {
				return second(kms.NewFromConfig(as).GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
					KeyId: id, KeySpec: kmstypes.DataKeySpecAes256,
				}))
			},
		},
	}
}

func (s *stack) openRepository(principal string) opened {
	s.Helper()
	client, name := ecr.NewFromConfig(s.config), aws.String(strings.ToLower("images-of-"+s.name))
	_, err := client.CreateRepository(s.Context(), &ecr.CreateRepositoryInput{RepositoryName: name})
	s.must(err)
	put := func(manifest string) call {
		return func(ctx context.Context, as aws.Config) error {
			return second(ecr.NewFromConfig(as).PutImage(ctx, &ecr.PutImageInput{
				RepositoryName: name, ImageManifest: &manifest, ImageTag: aws.String("latest"),
			}))
		}
	}
	s.must(put(`{"schemaVersion":2,"config":{},"layers":[]}`)(s.Context(), s.config))
	_, err = client.SetRepositoryPolicy(s.Context(), &ecr.SetRepositoryPolicyInput{
		RepositoryName: name, PolicyText: ownPolicy(principal, "ecr:*"),
	})
	s.must(err)
	return opened{
		settings: func(ctx context.Context, as aws.Config) error {
			return second(ecr.NewFromConfig(as).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{
				RepositoryNames: []string{*name},
			}))
		},
		beyond: map[string]call{
			"push": put(`{"schemaVersion":2,"config":{},"layers":[],"annotations":{}}`),
			"pull": func(ctx context.Context, as aws.Config) error {
				return second(ecr.NewFromConfig(as).BatchGetImage(ctx, &ecr.BatchGetImageInput{
					RepositoryName: name, ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: aws.String("latest")}},
				}))
			},
		},
	}
}

// The function is the stack's own: an event that is not CloudFormation's makes
// no call to anybody.
func (s *stack) openFunction(principal string) opened {
	s.Helper()
	name := aws.String(s.made()["RegistrationFunction"])
	for _, action := range []string{"InvokeFunction", "GetFunction", "UpdateFunctionConfiguration"} {
		_, err := lambda.NewFromConfig(s.config).AddPermission(s.Context(), &lambda.AddPermissionInput{
			FunctionName: name, StatementId: &action, Action: aws.String("lambda:" + action), Principal: &principal,
		})
		s.must(err)
	}
	return opened{
		settings: func(ctx context.Context, as aws.Config) error {
			return second(lambda.NewFromConfig(as).GetFunctionConfiguration(ctx,
				&lambda.GetFunctionConfigurationInput{FunctionName: name}))
		},
		beyond: map[string]call{
			"invoke": func(ctx context.Context, as aws.Config) error {
				return second(lambda.NewFromConfig(as).Invoke(ctx, &lambda.InvokeInput{
					FunctionName: name, Payload: []byte("{}"),
				}))
			},
			"read the code": func(ctx context.Context, as aws.Config) error {
				return second(lambda.NewFromConfig(as).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: name}))
			},
			"change it": func(ctx context.Context, as aws.Config) error {
				return second(lambda.NewFromConfig(as).UpdateFunctionConfiguration(ctx,
					&lambda.UpdateFunctionConfigurationInput{FunctionName: name, Description: aws.String("mallory's")}))
			},
		},
	}
}

func (s *stack) openStream(principal string) opened {
	s.Helper()
	client, name := kinesis.NewFromConfig(s.config), aws.String("clicks-of-"+s.name)
	arn := aws.String("arn:aws:kinesis:" + region + ":" + account + ":stream/" + *name)
	_, err := client.CreateStream(s.Context(), &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
	s.must(err)
	put := func(ctx context.Context, as aws.Config) error {
		return second(kinesis.NewFromConfig(as).PutRecord(ctx, &kinesis.PutRecordInput{
			StreamName: name, PartitionKey: aws.String("1"), Data: []byte("click"),
		}))
	}
	s.must(put(s.Context(), s.config))
	shards, err := client.ListShards(s.Context(), &kinesis.ListShardsInput{StreamName: name})
	s.must(err)
	_, err = client.PutResourcePolicy(s.Context(), &kinesis.PutResourcePolicyInput{
		ResourceARN: arn, Policy: ownPolicy(principal, "kinesis:GetShardIterator kinesis:PutRecord", *arn),
	})
	s.must(err)
	iterator := func(ctx context.Context, as aws.Config) (*string, error) {
		got, err := kinesis.NewFromConfig(as).GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
			StreamName: name, ShardId: shards.Shards[0].ShardId,
			ShardIteratorType: kinesistypes.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			return nil, err
		}
		return got.ShardIterator, nil
	}
	return opened{
		settings: func(ctx context.Context, as aws.Config) error {
			return second(kinesis.NewFromConfig(as).DescribeStreamSummary(ctx,
				&kinesis.DescribeStreamSummaryInput{StreamName: name}))
		},
		beyond: map[string]call{
			"write a record": put,
			"begin to read":  func(ctx context.Context, as aws.Config) error { return second(iterator(ctx, as)) },
		},
	}
}
