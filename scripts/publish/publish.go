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
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/signin"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

type options struct {
	names            string // of regions, with commas between them
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
	r, err := read(ctx, root)
	if err != nil {
		return err
	}
	names, err := separated(o.names)
	if err != nil {
		return err
	}
	p, err := r.places(names)
	if err != nil {
		return err
	}
	refusals := r.refusals(o.untagged)
	if o.dryRun {
		_, err := io.WriteString(os.Stdout, r.plan(p, refusals))
		return err
	}
	if len(refusals) > 0 {
		return errors.New(strings.Join(refusals, "; "))
	}
	as, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion(home))
	if err != nil {
		return fmt.Errorf("read the AWS configuration: %w", err)
	}
	if err := signin.Check(ctx, as); err != nil {
		return err
	}
	return r.publish(ctx, as, p, os.Stderr)
}

func separated(names string) ([]string, error) {
	if names == "" {
		return nil, nil
	}
	all := strings.Split(names, ",")
	if slices.Contains(all, "") {
		return nil, fmt.Errorf("REGIONS is %q: it takes names with commas between them, like eu-west-1,us-east-1",
			names)
	}
	return all, nil
}

// places are where the zip goes to, and where it has to be already: together
// all regions that links and the page offer, since customers there will read the
// templates.
type places struct {
	doit   template.DoiTAccount
	names  []string // sorted
	others []string
}

// places are those of the regions given, in the one partition that they are of,
// or all that are offered.
func (r release) places(names []string) (places, error) {
	partition, known := "aws", r.published.Regions
	for n, region := range names {
		of, ok := known[region]
		if !ok {
			return places{}, fmt.Errorf("region %q is not known to AWS's SDK", region)
		}
		if n > 0 && of != partition {
			return places{}, fmt.Errorf("%s is in the partition %s and %s in %s: publish to one after the other",
				names[0], partition, region, of)
		}
		partition = of
	}
	offered := known.Offered(partition)
	for _, region := range names {
		if !slices.Contains(offered, region) {
			return places{}, fmt.Errorf("region %s is not offered: S3 has no account regional namespace there", region)
		}
	}
	doit, ok := r.published.Account.DoiT[partition]
	if !ok {
		return places{}, fmt.Errorf("DoiT has no account in the partition %s of %s (the template's mapping DoiT)",
			partition, names[0])
	}
	if len(names) == 0 {
		return places{doit: doit, names: offered}, nil
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	others := slices.DeleteFunc(offered, func(region string) bool { return slices.Contains(names, region) })
	return places{doit: doit, names: names, others: others}, nil
}

// meets is what a customer would meet in a region without the code.
const meets = "a launch there fails at RegistrationFunction, because Lambda finds no code, and is rolled back"

func (r release) publish(ctx context.Context, as aws.Config, p places, progress io.Writer) error {
	caller, err := sts.NewFromConfig(as).GetCallerIdentity(ctx, nil)
	if err != nil {
		return fmt.Errorf("ask AWS who this is: %w", err)
	}
	if owner := aws.ToString(caller.Account); owner != p.doit.Account {
		return fmt.Errorf("these credentials are of account %s, the template names buckets of account %s", owner,
			p.doit.Account)
	}
	if err := r.publishCode(ctx, as, p, progress); err != nil {
		return err
	}
	if err := r.checkOthers(ctx, as, p); err != nil {
		return err
	}
	for _, o := range r.files() {
		uploaded, err := put(ctx, as, p.doit.Account, o)
		if err != nil {
			return err
		}
		say(progress, "template   %-8s %s", outcome(uploaded), o)
	}
	say(progress, "links name %s", template.URL(template.Path, r.published.Account.Body))
	say(progress, "not offered: %s (%s)", strings.Join(regions.NotOffered, ", "), meets)
	return nil
}

// publishCode goes to all regions at once. Where it fails, the others are done
// all the same, and the next run finds only those that are missing.
func (r release) publishCode(ctx context.Context, as aws.Config, p places, progress io.Writer) error {
	type result struct {
		region   string
		uploaded bool
		err      error
	}
	results := make(chan result)
	for _, region := range p.names {
		go func() {
			uploaded, err := put(ctx, as, p.doit.Account, r.code(p.doit, region))
			results <- result{region: region, uploaded: uploaded, err: err}
		}()
	}
	var failed []string
	for n := range p.names {
		done := <-results
		if done.err != nil {
			failed = append(failed, done.region)
			say(progress, "code %2d/%d  failed   %s: %v", n+1, len(p.names), done.region, done.err)
			continue
		}
		say(progress, "code %2d/%d  %-8s %s", n+1, len(p.names), outcome(done.uploaded), done.region)
	}
	if len(failed) > 0 {
		slices.Sort(failed)
		return fmt.Errorf("%d of %d regions have no code (%s), so no template was published: %s. "+
			"Enable the region, launch template/release.yaml there, and run this again",
			len(failed), len(p.names), strings.Join(failed, ", "), meets)
	}
	return nil
}

// checkOthers fails where a region that is offered and was left out is without
// this code.
func (r release) checkOthers(ctx context.Context, as aws.Config, p places) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	missing := make([]string, len(p.others))
	failures := make([]error, len(p.others))
	var group sync.WaitGroup
	for n, region := range p.others {
		group.Go(func() {
			there, err := r.code(p.doit, region).isThere(ctx, at(as, region), p.doit.Account)
			failures[n] = err
			if !there {
				missing[n] = region
			}
		})
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("no template was published: %w", err)
	}
	missing = slices.DeleteFunc(missing, func(region string) bool { return region == "" })
	if len(missing) > 0 {
		return fmt.Errorf("these regions are offered, were left out and are without this code: %s. "+
			"No template was published: %s. Publish to them too", strings.Join(missing, ", "), meets)
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

func outcome(uploaded bool) string {
	if uploaded {
		return "uploaded"
	}
	return "there"
}

func say(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", args...) // progress that cannot be shown is no reason to stop
}
