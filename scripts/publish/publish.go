package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

type options struct {
	regions          []string
	untagged, dryRun bool
}

const (
	patience = 5 * time.Minute // for one bucket, 3 MB and the SDK's own tries
	home     = "us-east-1"     // where template.Bucket is
)

func run(ctx context.Context, o options) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	known, err := regions.Read(root)
	if err != nil {
		return err
	}
	r, err := read(ctx, root)
	if err != nil {
		return err
	}
	refusals := r.refusals(o.untagged)
	if o.dryRun {
		return r.rehearse(os.Stdout, o.regions, known, refusals)
	}
	if len(refusals) > 0 {
		return errors.New(strings.Join(refusals, "; "))
	}
	as, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion(home))
	if err != nil {
		return fmt.Errorf("find AWS credentials: %w", err)
	}
	return r.publish(ctx, as, o.regions, known, os.Stderr)
}

// rehearse prints the plan. It asks nobody, so the regions are all that AWS's
// SDK knows, unless they are given.
func (r release) rehearse(out io.Writer, names []string, known regions.Partitions, refusals []string) error {
	note := ""
	if len(names) == 0 {
		names = known.Of("aws")
		note = "\nOf these regions, those that the account has enabled: a dry run asks nobody, AWS included.\n"
	}
	bucket, err := r.bucket(names, known)
	if err != nil {
		return err
	}
	for _, reason := range refusals {
		note += "\nWithout -dry-run this would be refused: " + reason + ".\n"
	}
	_, err = io.WriteString(out, r.plan(bucket, names)+note)
	return err
}

// bucket is the name of the code's buckets, less the region, in the one
// partition that the regions are of.
func (r release) bucket(names []string, known regions.Partitions) (string, error) {
	var partition string
	for _, region := range names {
		of, ok := known[region]
		if !ok {
			return "", fmt.Errorf("region %q is not known to AWS's SDK", region)
		}
		if partition != "" && of != partition {
			return "", fmt.Errorf("%s is in the partition %s and %s in %s: publish to one after the other", names[0], partition, region, of)
		}
		partition = of
	}
	doit, ok := r.template.DoiT[partition]
	if !ok {
		return "", fmt.Errorf("DoiT has no account in the partition %s of %s (the template's mapping DoiT)", partition, names[0])
	}
	return doit.CodeBucket, nil
}

func (r release) publish(ctx context.Context, as aws.Config, names []string, known regions.Partitions, progress io.Writer) error {
	caller, err := sts.NewFromConfig(as).GetCallerIdentity(ctx, nil)
	if err != nil {
		return fmt.Errorf("ask AWS who this is: %w", err)
	}
	owner := aws.ToString(caller.Account)
	all, err := enabled(ctx, as)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		names = all
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	bucket, err := r.bucket(names, known)
	if err != nil {
		return err
	}
	if err := r.publishCode(ctx, as, owner, bucket, names, progress); err != nil {
		return err
	}
	others := slices.DeleteFunc(all, func(region string) bool { return slices.Contains(names, region) })
	if err := r.checkOthers(ctx, as, owner, bucket, others); err != nil {
		return err
	}
	for _, o := range r.templates() {
		uploaded, err := put(ctx, as, owner, o)
		if err != nil {
			return err
		}
		say(progress, "templates  %-8s %s", outcome(uploaded), o)
	}
	say(progress, "links name %s", template.URL(template.Path, r.template.Body))
	return nil
}

// publishCode goes to all regions at once. Where it fails, the others are done
// all the same, and the next run finds only those that are missing.
func (r release) publishCode(ctx context.Context, as aws.Config, owner, bucket string, names []string, progress io.Writer) error {
	type result struct {
		region   string
		uploaded bool
		err      error
	}
	results := make(chan result)
	for _, region := range names {
		go func() {
			uploaded, err := put(ctx, as, owner, r.code(bucket, region))
			results <- result{region, uploaded, err}
		}()
	}
	var failed []string
	for n := range names {
		done := <-results
		if done.err != nil {
			failed = append(failed, done.region)
			say(progress, "code %2d/%d  failed   %s: %v", n+1, len(names), done.region, done.err)
			continue
		}
		say(progress, "code %2d/%d  %-8s %s", n+1, len(names), outcome(done.uploaded), done.region)
	}
	if len(failed) > 0 {
		slices.Sort(failed)
		return fmt.Errorf("%d of %d regions have no code (%s), so no template was published: mend them and run this again", len(failed), len(names), strings.Join(failed, ", "))
	}
	return nil
}

// checkOthers fails where a region that was left out has a bucket without this
// code: its customers would read a template whose code is missing. A region
// without a bucket of ours is not offered to anybody.
func (r release) checkOthers(ctx context.Context, as aws.Config, owner, bucket string, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	missing := make([]string, len(names))
	failures := make([]error, len(names))
	var group sync.WaitGroup
	for n, region := range names {
		group.Go(func() {
			o, client := r.code(bucket, region), at(as, region)
			_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &o.bucket, ExpectedBucketOwner: &owner})
			if answer, ok := errors.AsType[*http.ResponseError](err); ok && (answer.HTTPStatusCode() == 404 || answer.HTTPStatusCode() == 403) {
				return // not there, or not ours
			}
			if err != nil {
				failures[n] = fmt.Errorf("look for the bucket %s: %w", o.bucket, err)
				return
			}
			there, err := o.isThere(ctx, client, owner)
			failures[n] = err
			if !there {
				missing[n] = region
			}
		})
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	if missing = slices.DeleteFunc(missing, func(region string) bool { return region == "" }); len(missing) > 0 {
		return fmt.Errorf("these regions were left out and have a bucket without this code: %s. No template was published: publish to them too", strings.Join(missing, ", "))
	}
	return nil
}

func at(as aws.Config, region string) *s3.Client {
	return s3.NewFromConfig(as, func(o *s3.Options) { o.Region = region })
}

func put(ctx context.Context, as aws.Config, owner string, o object) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return o.put(ctx, at(as, o.region), owner)
}

// enabled are the regions that the account can have buckets in.
func enabled(ctx context.Context, as aws.Config) ([]string, error) {
	var names []string
	pages := account.NewListRegionsPaginator(account.NewFromConfig(as), &account.ListRegionsInput{
		RegionOptStatusContains: []accounttypes.RegionOptStatus{accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask for the account's regions: %w", err)
		}
		for _, region := range page.Regions {
			names = append(names, aws.ToString(region.RegionName))
		}
	}
	if len(names) == 0 {
		return nil, errors.New("the account has no region enabled")
	}
	slices.Sort(names)
	return names, nil
}

func outcome(uploaded bool) string {
	if uploaded {
		return "uploaded"
	}
	return "there"
}

func say(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", args...) // progress that cannot be shown is no reason to stop
}
