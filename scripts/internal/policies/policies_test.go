package policies

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

var (
	reference Reference
	actions   []Action            // of reference, by name
	audits    = map[string]bool{} // by name, what SecurityAudit grants
	audit     Document
	limits    Limits
)

func TestMain(m *testing.M) {
	if err := read(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func read() error {
	published, err := template.Read()
	if err != nil {
		return err
	}
	if limits, err = ReadLimits(published); err != nil {
		return err
	}
	if audit, err = SecurityAudit(); err != nil {
		return err
	}
	reference, err = ReadReference(context.Background(), io.Discard)
	actions = slices.SortedFunc(maps.Values(reference), func(a, b Action) int {
		return strings.Compare(a.Name, b.Name)
	})
	for _, a := range actions {
		audits[a.Name] = audit.Names(a.Name)
	}
	return err
}

// granted are the actions that SecurityAudit grants and SupportLimits leaves.
func granted() (all []Action) {
	for _, a := range actions {
		if audits[a.Name] && !limits.Support.Names(a.Name) {
			all = append(all, a)
		}
	}
	return all
}

// looks are actions that AWS's data calls managing permissions, and which only
// show them.
// https://docs.aws.amazon.com/quicksight/latest/APIReference/API_DescribeDataSetPermissions.html
var looks = List{
	"quicksight:DescribeDataSetPermissions", "quicksight:DescribeDataSourcePermissions",
	"quicksight:DescribeTopicPermissions",
}

// questions are reading actions whose verb is none of those that AWS reads
// with. The two that generate have IAM draw up a report of what it knows.
var questions = List{
	"braket:Search*", "cleanrooms:PreviewPrivacyImpact", "cloudtrail:LookupEvents",
	"datapipeline:ValidatePipelineDefinition", "ec2:SearchTransitGatewayRoutes", "events:TestEventPattern",
	"iam:GenerateCredentialReport", "iam:GenerateServiceLastAccessedDetails", "iam:Simulate*Policy",
	"identitystore:IsMemberInGroups", "inspector:PreviewAgents", "sdb:DomainMetadata",
}

var readingVerb = regexp.MustCompile(`:(Batch)?(Get|List|Describe)`)

// "No action that is left to it is a write by AWS's word", nor by its verb.
func TestTheRoleChangesNothing(t *testing.T) {
	t.Parallel()
	var left []string
	for _, a := range granted() {
		left = append(left, a.Name)
		if !a.Reads() && !looks.Names(a.Name) {
			t.Errorf("%s is left to the role, and AWS calls it %s", a.Name, a.Level)
		}
	}
	// What SecurityAudit names and AWS's data does not know yet has a verb too.
	for _, action := range append(left, reference.unknown(audit)...) {
		if !readingVerb.MatchString(action) && action != "apigateway:GET" && !questions.Names(action) {
			t.Errorf("%s is left to the role, and is no reading verb", action)
		}
	}
	// A policy of a resource's own cannot add a write, on what the limits name.
	for _, statement := range limits.ResourcePolicy.Statement {
		for _, a := range actions {
			if statement.NotAction.Names(a.Name) && !a.Reads() {
				t.Errorf("%s exempts %s, and AWS calls it %s", statement.Sid, a.Name, a.Level)
			}
		}
	}
}

// concerns tells whether a statement of ResourcePolicyLimits bears on the
// action: on a kind of resource that it acts on, or on all of its service.
func concerns(s Statement, a Action) bool {
	return slices.ContainsFunc(append(a.Resources, whole(a.Service())), s.Resource.Covers)
}

func whole(service string) string {
	if service == "s3" {
		return "arn:aws:s3:::x"
	}
	return "arn:aws:" + service + ":eu-west-1:111122223333:x"
}

// besides are the reads that a pattern exempts although SecurityAudit does not
// grant them: only a resource's own policy could. Each shows a setting, a name
// or a state, as its neighbours do that are granted.
var besides = map[string]List{
	"which rules another account may share a vault by": {"backup:GetBackupVaultSharingPolicy"},
	"the state of a backup, import, index or replica, the account's limits; a stream's shards, not its records": {
		"dynamodb:DescribeBackup", "dynamodb:DescribeContributorInsights", "dynamodb:DescribeEndpoints",
		"dynamodb:DescribeGlobalTableSettings", "dynamodb:DescribeImport", "dynamodb:DescribeLimits",
		"dynamodb:DescribeReservedCapacity*", "dynamodb:DescribeStream", "dynamodb:DescribeTableReplicaAutoScaling",
		"dynamodb:ListContributorInsights", "dynamodb:ListImports",
	},
	"how images are copied, signed, cached and made, not what is in them": {
		"ecr:DescribeImageReplicationStatus", "ecr:DescribeImageSigningStatus", "ecr:DescribePullThroughCacheRules",
		"ecr:DescribeRepositoryCreationTemplates", "ecr:GetSigningConfiguration", "ecr:ListPullTimeUpdateExclusions",
	},
	"AWS's own list of instance types": {"es:ListElasticsearchInstanceTypes"},
	"rules of buckets, access points and tables": {
		"s3:GetIntelligentTieringConfiguration", "s3:GetMultiRegionAccessPointRoutes", "s3:ListAccessGrantsLocations",
		"s3express:GetAccessPoint*", "s3express:GetLifecycleConfiguration",
		"s3express:ListAccessPointsForDirectoryBuckets", "s3express:ListTagsForResource",
		"s3tables:GetTableBucketMetricsConfiguration", "s3tables:GetTableRecordExpirationConfiguration",
	},
	"policies, tags, limits and domains of clusters, streams and identities": {
		"kafka:GetClusterPolicy", "kinesis:DescribeAccountSettings", "kinesis:ListTagsForResource",
		"ses:GetIdentityMailFromDomainAttributes", "ses:GetIdentityNotificationAttributes",
	},
	"which queue's messages are being moved where, not the messages": {"sqs:ListMessageMoveTasks"},
	"how a function is signed and scaled": {
		"lambda:GetCodeSigningConfig", "lambda:GetFunctionRecursionConfig", "lambda:GetFunctionScalingConfig",
		"lambda:GetProvisionedConcurrencyConfig",
	},
}

// The names of data and secrets that everybody knows, and what the property
// below says of all.
func TestTheRoleReadsNoSecretsAndNoStoredDataOfTheServicesNamedHere(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields(`
		s3:GetObject s3:GetObjectVersion s3:GetObjectTorrent s3:GetDataAccess s3-object-lambda:GetObject
		s3express:CreateSession s3tables:GetTableData s3vectors:QueryVectors s3-outposts:GetObject
		dynamodb:GetItem dynamodb:BatchGetItem dynamodb:Query dynamodb:Scan dynamodb:PartiQLSelect dynamodb:GetRecords
		sqs:ReceiveMessage kinesis:GetRecords kinesis:SubscribeToShard kafka-cluster:ReadData
		secretsmanager:GetSecretValue secretsmanager:BatchGetSecretValue ssm:GetParameter ssm:GetParameters
		ssm:GetParametersByPath ssm:GetParameterHistory kms:Decrypt kms:GenerateDataKey kms:CreateGrant
		acm-pca:GetCertificate logs:GetLogEvents logs:FilterLogEvents logs:StartQuery logs:Unmask logs:StartLiveTail
		ecr:BatchGetImage ecr:GetDownloadUrlForLayer codeartifact:GetPackageVersionAsset codeartifact:ReadFromRepository
		elasticfilesystem:ClientMount es:ESHttpGet es:ESHttpPost cloudsearch:search mediastore:GetObject
		glue:GetTable glue:GetConnections glacier:GetJobOutput schemas:ExportSchema
		ses:GetMessageInsights cloudtrail:GetQueryResults
		lambda:GetFunction lambda:GetLayerVersion lambda:InvokeFunction lambda:InvokeFunctionUrl execute-api:Invoke
		sagemaker:InvokeEndpoint rekognition:DetectCustomLabels comprehend:DetectEntities lex:GetSession
		bedrock-agentcore:InvokeAgentRuntime codebuild:BatchGetBuilds dsql:DbConnect aps:QueryMetrics`) {
		a, known := reference[strings.ToLower(name)]
		switch {
		case !known:
			t.Errorf("AWS has no action %s", name)
		case audit.Names(name) && !limits.Support.Names(name):
			t.Errorf("SecurityAudit grants %s", name)
		case !deniedEverywhere(a):
			t.Errorf("a resource's own policy could open %s of %q", name, a.Resources)
		}
	}
	for _, statement := range limits.ResourcePolicy.Statement {
		for _, a := range actions {
			answered := audits[a.Name] || limits.Support.Names(a.Name) || named(besides, a.Name)
			if !answered && statement.NotAction.Names(a.Name) && concerns(statement, a) {
				t.Errorf("%s exempts %s, which SecurityAudit does not grant, for no reason", statement.Sid, a.Name)
			}
		}
	}
	for reason, names := range besides {
		for _, name := range names {
			isNew := func(a Action) bool { return (List{name}).Names(a.Name) && !audits[a.Name] }
			if !slices.ContainsFunc(actions, isNew) {
				t.Errorf("%q: AWS has no action %s, or SecurityAudit grants it", reason, name)
			}
		}
	}
}

// deniedEverywhere tells whether ResourcePolicyLimits denies an action on each
// kind of resource that a policy could open it on.
func deniedEverywhere(a Action) bool {
	resources := a.Resources
	if len(resources) == 0 {
		resources = []string{whole(a.Service())}
	}
	return !slices.ContainsFunc(resources, func(arn string) bool { return !limits.DeniedOn(a.Name, arn) })
}

func named(reasons map[string]List, text string) bool {
	for _, names := range reasons {
		if names.Names(text) {
			return true
		}
	}
	return false
}

// What SecurityAudit grants is what support works with: ResourcePolicyLimits
// takes none of it away.
func TestResourcePolicyLimitsExemptWhatSecurityAuditGrants(t *testing.T) {
	t.Parallel()
	for _, statement := range limits.ResourcePolicy.Statement {
		for _, a := range granted() {
			if concerns(statement, a) && !statement.NotAction.Names(a.Name) {
				t.Errorf("%s denies %s, which SecurityAudit grants", statement.Sid, a.Name)
			}
		}
	}
}

// Whatever SecurityAudit does not grant needs no denial of its own.
func TestEachOfSupportLimitsIsGrantedBySecurityAudit(t *testing.T) {
	t.Parallel()
	for _, statement := range limits.Support.Statement {
		if statement.Sid == "OtherRoles" || statement.Sid == "OtherPolicies" {
			continue // another role's trust policy, or a policy of a resource's own, would grant it
		}
		for _, pattern := range statement.Action {
			means := func(a Action) bool { return (List{pattern}).Names(a.Name) }
			if slices.ContainsFunc(actions, func(a Action) bool { return means(a) && !audits[a.Name] }) {
				t.Errorf("%s: %s means actions that SecurityAudit does not grant", statement.Sid, pattern)
			}
		}
	}
}

// A name that AWS does not have denies nothing.
func TestEveryActionExists(t *testing.T) {
	t.Parallel()
	newer := List(reference.unknown(audit))
	for _, statement := range slices.Concat(limits.Support.Statement, limits.ResourcePolicy.Statement) {
		for _, pattern := range slices.Concat(statement.Action, statement.NotAction) {
			means := List{pattern}
			exists := slices.ContainsFunc(actions, func(a Action) bool { return means.Names(a.Name) })
			// AWS's own policy is a newer witness than the copy of its reference.
			if !exists && !slices.ContainsFunc(newer, means.Names) {
				t.Errorf("%s: AWS has no action %s", statement.Sid, pattern)
			}
		}
	}
	for _, statement := range limits.ResourcePolicy.Statement {
		for _, arn := range statement.Resource {
			exists := slices.ContainsFunc(actions, func(a Action) bool {
				return slices.ContainsFunc(a.Resources, List{arn}.Covers)
			})
			// s3files is newer than the copy: SecurityAudit names nine actions of it.
			if !exists && arn != "arn:*:s3files:*:*:*" {
				t.Errorf("%s: AWS has no resource like %s", statement.Sid, arn)
			}
		}
	}
}

// wholeResource are those of a service, or all of one kind: in each partition,
// region and account.
var wholeResource = regexp.MustCompile(`^arn:\*:[a-z0-9-]+:(::|\*:\*:([a-z]+[:/])?)\*$`)

// Nothing but the lists decides what the limits deny.
func TestTheLimitsDenyWithoutAnIf(t *testing.T) {
	t.Parallel()
	for _, statement := range slices.Concat(limits.Support.Statement, limits.ResourcePolicy.Statement) {
		if statement.Effect != "Deny" || len(statement.Condition) > 0 {
			t.Errorf("%s is %s if %v, want to deny always", statement.Sid, statement.Effect, statement.Condition)
		}
	}
	for _, statement := range limits.Support.Statement {
		if !slices.Equal(statement.Resource, List{"*"}) {
			t.Errorf("%s is about %q, want everything", statement.Sid, statement.Resource)
		}
	}
	for _, statement := range limits.ResourcePolicy.Statement {
		for _, arn := range statement.Resource {
			if !wholeResource.MatchString(arn) {
				t.Errorf("%s leaves resources out: %s", statement.Sid, arn)
			}
		}
	}
}

// IAM counts no white space. A managed policy has 6,144 characters; what is
// left serves the next actions that AWS adds.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestTheLimitsLeaveATenthOfIAMsQuota(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]Document{
		"SupportLimits": limits.Support, "ResourcePolicyLimits": limits.ResourcePolicy,
	} {
		if size := size(t, document); size > 6144*9/10 {
			t.Errorf("%s has %d characters, more than nine tenths of 6,144", name, size)
		}
	}
}

// size is that of the document with what CloudFormation writes into it.
func size(t *testing.T, d Document) int {
	t.Helper()
	type written struct {
		Sid, Effect                 string
		Action, NotAction, Resource []string `json:",omitempty"`
	}
	var statements []written
	for _, s := range d.Statement {
		statements = append(statements, written{
			Sid: s.Sid, Effect: s.Effect, Action: s.Action, NotAction: s.NotAction, Resource: s.Resource,
		})
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}
