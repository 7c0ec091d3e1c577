package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const (
	operator = "462932234033"
	prefix   = "doit-aws-ops-prod-lambda"
)

// aRelease has the repository's templates, and code of its own.
func aRelease(t *testing.T, program, version string) release {
	t.Helper()
	zip := code.Zip{Bytes: []byte(program), Version: version}
	published, err := template.Read()
	if err != nil {
		t.Fatal(err)
	}
	body, err := published.Pinned(zip.Pin())
	if err != nil {
		t.Fatal(err)
	}
	if published, err = template.Parse(body); err != nil {
		t.Fatal(err)
	}
	organization, err := template.ReadOrganization()
	if err != nil {
		t.Fatal(err)
	}
	if organization.Body, err = template.PinOrganization(organization.Body, body); err != nil {
		t.Fatal(err)
	}
	return release{
		commit: repo.Commit{Hash: strings.Repeat("0", 40), Tags: []string{"v" + version}},
		zip:    zip, template: published, organization: organization,
	}
}

func knownRegions(t *testing.T) regions.Partitions {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	known, err := regions.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// store is the operator's S3.
type store struct {
	t  *testing.T
	as aws.Config
}

func (s store) client(region string) *s3.Client {
	return s3.NewFromConfig(s.as, func(o *s3.Options) { o.Region = region })
}

func (s store) make(bucket, region string) {
	s.t.Helper()
	input := &s3.CreateBucketInput{Bucket: &bucket}
	if region != home {
		input.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	if _, err := s.client(region).CreateBucket(s.t.Context(), input); err != nil {
		s.t.Fatal(err)
	}
}

// buckets makes those of the regions, and the templates'.
func (s store) buckets(names ...string) {
	s.t.Helper()
	for _, region := range names {
		s.make(prefix+"-"+region, region)
	}
	s.make(template.Bucket, home)
}

func (s store) write(o object, checksum bool) {
	s.t.Helper()
	input := &s3.PutObjectInput{Bucket: &o.bucket, Key: &o.key, Body: bytes.NewReader(o.body)}
	if checksum {
		input.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
	}
	if _, err := s.client(o.region).PutObject(s.t.Context(), input); err != nil {
		s.t.Fatal(err)
	}
}

// holds fails the test unless the object is there, stored with its SHA-256.
func (s store) holds(o object) {
	s.t.Helper()
	got, err := s.client(o.region).GetObject(s.t.Context(), &s3.GetObjectInput{
		Bucket: &o.bucket, Key: &o.key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		s.t.Errorf("%s: %v", o, err)
		return
	}
	body, err := io.ReadAll(got.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := got.Body.Close(); err != nil {
		s.t.Fatal(err)
	}
	sum := sha256.Sum256(o.body)
	if !bytes.Equal(body, o.body) || aws.ToString(got.ChecksumSHA256) != base64.StdEncoding.EncodeToString(sum[:]) {
		s.t.Errorf("%s holds %d bytes with SHA-256 %q", o, len(body), aws.ToString(got.ChecksumSHA256))
	}
}

func (s store) keys(bucket string) []string {
	s.t.Helper()
	list, err := s.client(home).ListObjectsV2(s.t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		s.t.Fatal(err)
	}
	var keys []string
	for _, o := range list.Contents {
		keys = append(keys, aws.ToString(o.Key))
	}
	return keys
}

// uploads are the PUTs that went by since the last call.
type uploads struct {
	mu   sync.Mutex
	puts []*http.Request
}

func (u *uploads) take() []*http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	puts := u.puts
	u.puts = nil
	return puts
}

// watched is the cloud behind a proxy that keeps the PUTs, and says by which
// protocol they came.
func watched(t *testing.T, cloud *localcloud.Cloud, proto string) (store, *uploads) {
	t.Helper()
	target, err := url.Parse(cloud.URL)
	if err != nil {
		t.Fatal(err)
	}
	seen := new(uploads)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
		r.Out.Header.Set("X-Forwarded-Proto", proto)
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			seen.mu.Lock()
			seen.puts = append(seen.puts, r)
			seen.mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	as := cloud.Root(operator, home)
	as.BaseEndpoint = &server.URL
	return store{t, as}, seen
}

func TestPublish(t *testing.T) {
	t.Parallel()
	known := knownRegions(t)
	s, seen := watched(t, localcloud.StartT(t, ""), "http")
	all, err := enabled(t.Context(), s.as)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(all, "eu-west-1") || len(all) < 20 {
		t.Fatalf("the account's regions are %q", all)
	}
	s.buckets(all...)
	seen.take()
	r := aRelease(t, "code", "1.0.0")
	publish := func(r release) string {
		t.Helper()
		var said strings.Builder
		if err := r.publish(t.Context(), s.as, nil, known, &said); err != nil {
			t.Fatalf("%v\n%s", err, &said)
		}
		return said.String()
	}

	said := publish(r)
	for _, region := range all {
		s.holds(r.code(prefix, region))
		if !strings.Contains(said, region+"\n") {
			t.Errorf("nothing is said of %s:\n%s", region, said)
		}
	}
	for _, o := range r.templates() {
		s.holds(o)
	}
	for _, key := range []string{"doitmanagement.yaml", "doitmanagement/1.0.0.yaml", "doitmanagement/" + template.Digest(r.template.Body) + ".yaml",
		"organization.yaml", "organization/1.0.0.yaml", "organization/" + template.Digest(r.organization.Body) + ".yaml"} {
		if !slices.Contains(s.keys(template.Bucket), key) {
			t.Errorf("the templates' bucket has %q, and not %s", s.keys(template.Bucket), key)
		}
	}
	puts := seen.take()
	if len(puts) != len(all)+6 {
		t.Errorf("%d uploads, want one a region and 6 templates", len(puts))
	}
	for n, put := range puts {
		latest := strings.HasSuffix(put.URL.Path, "/doitmanagement.yaml") || strings.HasSuffix(put.URL.Path, "/organization.yaml")
		if put.Header.Get("X-Amz-Checksum-Sha256") == "" || put.Header.Get("X-Amz-Expected-Bucket-Owner") != operator ||
			(put.Header.Get("If-None-Match") == "*") == latest {
			t.Errorf("%s was uploaded with %v", put.URL.Path, put.Header)
		}
		if code := strings.Contains(put.URL.Path, "/registration/"); code != (n < len(all)) {
			t.Errorf("%s was upload %d", put.URL.Path, n+1)
		}
	}

	// The second run finds everything.
	said = publish(r)
	if puts := seen.take(); len(puts) > 0 || strings.Contains(said, "uploaded") {
		t.Errorf("the second run made %d uploads and said\n%s", len(puts), said)
	}

	// The next version leaves what is there, for rollbacks.
	next := aRelease(t, "better code", "1.0.1")
	publish(next)
	for _, o := range append(next.templates(), next.code(prefix, "eu-west-1"), r.code(prefix, "eu-west-1")) {
		s.holds(o)
	}
	for _, o := range r.templates() {
		if !o.latest {
			s.holds(o)
		}
	}
}

func TestARegionFails(t *testing.T) {
	t.Parallel()
	s, seen := watched(t, localcloud.StartT(t, ""), "http")
	known := knownRegions(t)
	s.buckets("eu-west-1", "us-east-1")
	r := aRelease(t, "code", "1.0.0")
	three := []string{"eu-west-1", "ap-south-1", "us-east-1"}

	err := r.publish(t.Context(), s.as, three, known, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "1 of 3") || !strings.Contains(err.Error(), "ap-south-1") || strings.Contains(err.Error(), "eu-west-1") {
		t.Errorf("said %v", err)
	}
	s.holds(r.code(prefix, "eu-west-1"))
	s.holds(r.code(prefix, "us-east-1"))
	if keys := s.keys(template.Bucket); len(keys) > 0 {
		t.Errorf("templates were published although a region has no code: %q", keys)
	}

	s.make(prefix+"-ap-south-1", "ap-south-1")
	seen.take()
	if err := r.publish(t.Context(), s.as, three, known, io.Discard); err != nil {
		t.Fatal(err)
	}
	s.holds(r.code(prefix, "ap-south-1"))
	if puts := seen.take(); len(puts) != 1+6 {
		t.Errorf("the second run made %d uploads, want the region's and 6 templates", len(puts))
	}
}

func TestARegionThatIsLeftOut(t *testing.T) {
	t.Parallel()
	s, _ := watched(t, localcloud.StartT(t, ""), "http")
	known := knownRegions(t)
	s.buckets("eu-west-1", "us-east-1", "ap-south-1")
	r := aRelease(t, "code", "1.0.0")

	err := r.publish(t.Context(), s.as, []string{"eu-west-1"}, known, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "ap-south-1, us-east-1") || strings.Contains(err.Error(), "eu-west-1") {
		t.Errorf("said %v", err)
	}
	s.holds(r.code(prefix, "eu-west-1"))
	if keys := s.keys(template.Bucket); len(keys) > 0 {
		t.Errorf("templates were published although regions with a bucket have no code: %q", keys)
	}
	if err := r.publish(t.Context(), s.as, []string{"us-east-1", "ap-south-1"}, known, io.Discard); err != nil {
		t.Error(err)
	}
	for _, o := range r.templates() {
		s.holds(o)
	}
}

func TestOtherBytesAreNeverOverwritten(t *testing.T) {
	t.Parallel()
	known := knownRegions(t)
	cloud := localcloud.StartT(t, "")
	as := cloud.Root(operator, home)
	(store{t, as}).buckets("eu-west-1")
	r := aRelease(t, "code", "1.0.0")
	code := r.code(prefix, "eu-west-1")
	for _, c := range []struct {
		name     string
		taken    object
		checksum bool
		reached  []string // of the templates
	}{
		{"the code's key", code, true, nil},
		{"the code's key, uploaded without a digest", code, false, nil},
		{"the template's own key", r.templates()[0], true, nil},
		{"the version", r.templates()[1], true, []string{r.templates()[0].key}},
	} {
		t.Run(c.name, func(t *testing.T) { // one after the other, in one bucket
			s := store{t, as}
			foreign := c.taken
			foreign.body = []byte("something else")
			s.write(foreign, c.checksum)
			var said strings.Builder
			err := r.publish(t.Context(), s.as, []string{"eu-west-1"}, known, &said)
			if err == nil || !strings.Contains(said.String()+err.Error(), foreign.String()+" holds other bytes") {
				t.Errorf("said %v\n%s", err, &said)
			}
			if keys := s.keys(template.Bucket); slices.Contains(keys, "doitmanagement.yaml") {
				t.Errorf("the newest template was published: %q", keys)
			}
			for _, key := range c.reached {
				if !slices.Contains(s.keys(template.Bucket), key) {
					t.Errorf("%s is not there", key)
				}
			}
			if c.checksum {
				s.holds(foreign)
			}
			for _, o := range []object{foreign, code, r.templates()[0]} {
				if _, err := s.client(o.region).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &o.bucket, Key: &o.key}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestWhatIsThereIsNotUploadedAgain(t *testing.T) {
	t.Parallel()
	s, seen := watched(t, localcloud.StartT(t, ""), "http")
	s.buckets()
	for _, checksum := range []bool{true, false} {
		o := object{bucket: template.Bucket, region: home, key: "k.zip", body: []byte("code")}
		s.write(o, checksum) // by another program, with or without a SHA-256
		seen.take()
		if uploaded, err := put(t.Context(), s.as, operator, o); err != nil || uploaded || len(seen.take()) > 0 {
			t.Errorf("with a checksum %t: uploaded %t, %v", checksum, uploaded, err)
		}
	}
}

func TestTwoPublishersAtOnce(t *testing.T) {
	t.Parallel()
	s, _ := watched(t, localcloud.StartT(t, ""), "http")
	s.buckets()
	o := object{bucket: template.Bucket, region: home, key: "k.zip", body: []byte("code")}
	var wins atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			uploaded, err := put(t.Context(), s.as, operator, o)
			if err != nil {
				t.Error(err)
			}
			if uploaded {
				wins.Add(1)
			}
		})
	}
	group.Wait()
	if n := wins.Load(); n != 1 {
		t.Errorf("%d of 8 uploaded, want 1", n)
	}
	s.holds(o)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		spoil    func(*release)
		untagged bool
		says     string
	}{
		{"nothing wrong", func(*release) {}, false, ""},
		{"a dirty tree", func(r *release) { r.commit.Changed = []string{"lambda/main.go"} }, false, "lambda/main.go"},
		{"an untagged commit", func(r *release) { r.commit.Tags = []string{"v0.9.0"} }, false, "not tagged v1.0.0"},
		{"an untagged commit that is let through", func(r *release) { r.commit.Tags = nil }, true, ""},
		{"code that the template does not name", func(r *release) { r.zip = aRelease(t, "other", "1.0.0").zip }, false, "run make build"},
		{"a version that the template does not name", func(r *release) { r.zip.Version = "1.0.1"; r.commit.Tags = []string{"v1.0.1"} }, false, "run make build"},
		{"an organization's template of another template", func(r *release) {
			r.organization.Body = aRelease(t, "other", "1.0.0").organization.Body
		}, false, template.OrganizationPath},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := aRelease(t, "code", "1.0.0")
			c.spoil(&r)
			got := strings.Join(r.refusals(c.untagged), "; ")
			if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
				t.Errorf("refused with %q, want %q", got, c.says)
			}
		})
	}
}

func TestRegionsAreRefused(t *testing.T) {
	t.Parallel()
	known := knownRegions(t)
	r := aRelease(t, "code", "1.0.0")
	for _, c := range []struct{ regions, says string }{
		{"eu-west-1 eu-west-9", "eu-west-9"},
		{"cn-north-1", "aws-cn"},
		{"eu-west-1 cn-north-1", "one after the other"},
	} {
		if _, err := r.bucket(strings.Fields(c.regions), known); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.regions, err, c.says)
		}
	}
}

func TestADryRunShowsEverythingAndAsksNobody(t *testing.T) {
	t.Parallel()
	r := aRelease(t, "code", "1.0.0")
	var out strings.Builder
	if err := r.rehearse(&out, []string{"eu-west-1", "us-east-1"}, knownRegions(t), []string{"it is a test"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{prefix + "-eu-west-1", prefix + "-us-east-1", r.zip.Pin().Key, template.OwnKey(template.Path, r.template.Body),
		"s3://" + template.Bucket + "/doitmanagement/1.0.0.yaml", "s3://" + template.Bucket + "/organization.yaml", "it is a test"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the plan lacks %s:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "ap-south-1") {
		t.Errorf("the plan has regions that were not named:\n%s", &out)
	}
}
