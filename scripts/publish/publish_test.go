package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/commandline"
	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const operator = "462932234033"

var doit = template.DoiTAccount{Account: operator, CodeBucket: "doit-aws-ops-code"}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"publish": main})
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	commandline.Run(t)
}

// aRelease has the repository's templates, and code of its own.
func aRelease(t *testing.T, program, version string) release {
	t.Helper()
	zip := code.Zip{Bytes: []byte(program), Version: version}
	published, err := launch.Read()
	if err != nil {
		t.Fatal(err)
	}
	body, err := published.Account.Pinned(zip.Pin())
	if err != nil {
		t.Fatal(err)
	}
	if published.Account, err = template.Parse(body); err != nil {
		t.Fatal(err)
	}
	published.Organization.Body, err = template.PinOrganization(published.Organization.Body, body)
	if err != nil {
		t.Fatal(err)
	}
	page, err := launch.ReadPage()
	if err != nil {
		t.Fatal(err)
	}
	if page, err = published.PinPage(page); err != nil {
		t.Fatal(err)
	}
	return release{
		commit: repo.Commit{Hash: strings.Repeat("0", 40), Tags: []string{"v" + version}},
		zip:    zip, published: published, page: page,
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

// publish is the command, to the regions given or to all that are offered.
func (s store) publish(r release, names ...string) (said string, err error) {
	s.t.Helper()
	p, err := r.places(names)
	if err != nil {
		s.t.Fatal(err)
	}
	var out strings.Builder
	err = r.publish(s.t.Context(), s.as, p, &out)
	return out.String(), err
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
		input.CreateBucketConfiguration = &types.CreateBucketConfiguration{
			LocationConstraint: types.BucketLocationConstraint(region),
		}
	}
	if _, err := s.client(region).CreateBucket(s.t.Context(), input); err != nil {
		s.t.Fatal(err)
	}
}

// buckets makes those of the regions, and the templates'.
func (s store) buckets(names ...string) {
	s.t.Helper()
	for _, region := range names {
		s.make(doit.Bucket(region), region)
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

func (s store) keys(bucket, region string) []string {
	s.t.Helper()
	list, err := s.client(region).ListObjectsV2(s.t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
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

func TestWhatPublishingUploadsAndWhatItNeverOverwrites(t *testing.T) {
	t.Parallel()
	s, seen := watched(t, localcloud.StartT(t, ""), "http")
	all := knownRegions(t).Offered("aws")
	if !slices.Contains(all, "eu-west-1") || slices.Contains(all, "me-south-1") {
		t.Fatalf("offered are %q", all)
	}
	s.buckets(all...)
	seen.take()
	r := aRelease(t, "code", "1.0.0")
	publish := func(r release) string {
		t.Helper()
		said, err := s.publish(r)
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		return said
	}

	said := publish(r)
	for _, region := range all {
		s.holds(r.code(doit, region))
		if !strings.Contains(said, region+"\n") {
			t.Errorf("nothing is said of %s:\n%s", region, said)
		}
	}
	for _, o := range r.files() {
		s.holds(o)
	}
	keys := s.keys(template.Bucket, home)
	for _, key := range []string{
		"doitmanagement.yaml", "doitmanagement/1.0.0.yaml",
		"doitmanagement/" + template.Digest(r.published.Account.Body) + ".yaml",
		"organization.yaml", "organization/1.0.0.yaml",
		"organization/" + template.Digest(r.published.Organization.Body) + ".yaml",
		"launch.html", "launch/" + template.Digest(r.page) + ".html",
	} {
		if !slices.Contains(keys, key) {
			t.Errorf("the templates' bucket has %q, and not %s", keys, key)
		}
	}
	if !strings.Contains(said, "not offered: me-central-1, me-south-1 (a launch there fails at RegistrationFunction") {
		t.Errorf("it does not say what a customer meets where it is not offered:\n%s", said)
	}
	puts := seen.take()
	if len(puts) != len(all)+len(r.files()) {
		t.Errorf("%d uploads, want one a region and %d", len(puts), len(r.files()))
	}
	for n, put := range puts {
		latest := path.Base(path.Dir(put.URL.Path)) == template.Bucket
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
	for _, o := range append(next.files(), next.code(doit, "eu-west-1"), r.code(doit, "eu-west-1")) {
		s.holds(o)
	}
	for _, o := range r.files() {
		if !o.latest {
			s.holds(o)
		}
	}
}

// Without the zip in every region that is offered, there is no template.
func TestNoTemplateWhereARegionIsMissing(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	s, seen := watched(t, cloud, "http")
	all := knownRegions(t).Offered("aws")
	s.buckets(slices.DeleteFunc(slices.Clone(all), func(region string) bool { return region == "ap-south-1" })...)
	r := aRelease(t, "code", "1.0.0")
	refused := func(says []string, names ...string) {
		t.Helper()
		said, err := s.publish(r, names...)
		if err == nil {
			t.Fatalf("%q: published\n%s", names, said)
		}
		for _, words := range append(says, "o template was published", "a launch there fails at RegistrationFunction") {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%q: said %v, want %q", names, err, words)
			}
		}
		if keys := s.keys(template.Bucket, home); len(keys) > 0 {
			t.Errorf("%q: templates were published although a region has no code: %q", names, keys)
		}
	}

	refused([]string{"1 of 2 regions", "(ap-south-1)"}, "eu-west-1", "ap-south-1")
	s.holds(r.code(doit, "eu-west-1"))
	refused([]string{"were left out", "ap-south-1, ap-south-2"}, "eu-west-1", "us-east-1")
	refused([]string{fmt.Sprintf("1 of %d regions", len(all)), "(ap-south-1)"})
	refused([]string{"without this code: ap-south-1."}, "eu-west-1")

	// A bucket of that name which is somebody else's is none.
	stranger := store{t, cloud.Root("999999999999", home)}
	stranger.make(doit.Bucket("ap-south-1"), "ap-south-1")
	refused([]string{"(ap-south-1)"})
	if keys := stranger.keys(doit.Bucket("ap-south-1"), "ap-south-1"); len(keys) > 0 {
		t.Errorf("a stranger was given %q", keys)
	}
	if _, err := stranger.client("ap-south-1").DeleteBucket(t.Context(), &s3.DeleteBucketInput{
		Bucket: aws.String(doit.Bucket("ap-south-1")),
	}); err != nil {
		t.Fatal(err)
	}

	// Mended, the next run does what is missing and no more.
	s.make(doit.Bucket("ap-south-1"), "ap-south-1")
	seen.take()
	if said, err := s.publish(r, "ap-south-1"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	s.holds(r.code(doit, "ap-south-1"))
	if puts := seen.take(); len(puts) != 1+len(r.files()) {
		t.Errorf("the last run made %d uploads, want the region's and %d templates", len(puts), len(r.files()))
	}
}

// A first run that ended half way is made whole by the second, whatever was done.
func TestAHalfFinishedRunIsMadeWhole(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	s, seen := watched(t, cloud, "http")
	all := knownRegions(t).Offered("aws")
	s.buckets(all...)
	r := aRelease(t, "code", "1.0.0")
	for _, o := range []object{r.code(doit, "eu-west-1"), r.files()[0], r.files()[1]} {
		if _, err := put(t.Context(), s.as, operator, o); err != nil {
			t.Fatal(err)
		}
	}
	seen.take()
	// All the rights that it needs.
	user, err := cloud.User(t.Context(), operator, "publisher", "s3:ListBucket", "s3:GetObject", "s3:PutObject")
	if err != nil {
		t.Fatal(err)
	}
	second := store{t, s.as}
	second.as.Credentials = cloud.Config(home, user).Credentials
	if said, err := second.publish(r); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, o := range append(r.files(), r.code(doit, "us-west-2")) {
		s.holds(o)
	}
	if puts := seen.take(); len(puts) != len(all)-1+len(r.files())-2 {
		t.Errorf("the second run made %d uploads", len(puts))
	}
}

func TestAnotherAccountPublishesNothing(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	s, seen := watched(t, cloud, "http")
	s.as.Credentials = cloud.Root("111122223333", home).Credentials
	said, err := s.publish(aRelease(t, "code", "1.0.0"))
	if err == nil ||
		!strings.Contains(err.Error(), "of account 111122223333, the template names buckets of account "+operator) {
		t.Errorf("said %v\n%s", err, said)
	}
	if puts := seen.take(); len(puts) > 0 {
		t.Errorf("made %d uploads", len(puts))
	}
}

func TestOtherBytesAreNeverOverwritten(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	as := cloud.Root(operator, home)
	(store{t, as}).buckets(knownRegions(t).Offered("aws")...)
	r := aRelease(t, "code", "1.0.0")
	code := r.code(doit, "eu-west-1")
	for _, c := range []struct {
		name     string
		taken    object
		checksum bool
		reached  []string // of the templates
	}{
		{name: "the code's key", taken: code, checksum: true},
		{name: "the code's key, uploaded without a digest", taken: code},
		{name: "the template's own key", taken: r.files()[0], checksum: true},
		{name: "the version", taken: r.files()[1], checksum: true, reached: []string{r.files()[0].key}},
	} {
		t.Run(c.name, func(t *testing.T) { // one after the other, in one bucket
			s := store{t, as}
			foreign := c.taken
			foreign.body = []byte("something else")
			s.write(foreign, c.checksum)
			said, err := s.publish(r)
			if err == nil || !strings.Contains(said+err.Error(), foreign.String()+" holds other bytes") {
				t.Errorf("said %v\n%s", err, said)
			}
			if keys := s.keys(template.Bucket, home); slices.Contains(keys, "doitmanagement.yaml") {
				t.Errorf("the newest template was published: %q", keys)
			}
			for _, key := range c.reached {
				if !slices.Contains(s.keys(template.Bucket, home), key) {
					t.Errorf("%s is not there", key)
				}
			}
			if c.checksum {
				s.holds(foreign)
			}
			for _, o := range []object{foreign, code, r.files()[0]} {
				input := &s3.DeleteObjectInput{Bucket: &o.bucket, Key: &o.key}
				if _, err := s.client(o.region).DeleteObject(t.Context(), input); err != nil {
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

func TestNothingIsPublishedThatIsNotReady(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		spoil    func(*release)
		untagged bool
		says     string
	}{
		{name: "nothing wrong", spoil: func(*release) {}},
		{name: "a dirty tree", spoil: func(r *release) {
			r.commit.Changed = []string{"lambda/main.go"}
		}, says: "lambda/main.go"},
		{name: "a dirty tree that has no tag", spoil: func(r *release) {
			r.commit = repo.Commit{Changed: []string{"lambda/main.go"}}
		}, untagged: true, says: "lambda/main.go"},
		{name: "an untagged commit", spoil: func(r *release) {
			r.commit.Tags = []string{"v0.9.0"}
		}, says: "not tagged v1.0.0 (UNTAGGED=1 "},
		{name: "an untagged commit that is let through", spoil: func(r *release) {
			r.commit.Tags = nil
		}, untagged: true},
		{name: "code that the template does not name", spoil: func(r *release) {
			r.zip = aRelease(t, "other", "1.0.0").zip
		}, says: "run make build"},
		{name: "a version that the template does not name", spoil: func(r *release) {
			r.zip.Version = "1.0.1"
			r.commit.Tags = []string{"v1.0.1"}
		}, says: "run make build"},
		{name: "an organization's template of another template", spoil: func(r *release) {
			r.published.Organization = aRelease(t, "other", "1.0.0").published.Organization
		}, says: template.OrganizationPath},
		{name: "a page of another template", spoil: func(r *release) {
			r.page = aRelease(t, "other", "1.0.0").page
		}, says: template.LaunchPath},
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
