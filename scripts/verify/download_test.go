package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// some editions: a version that is tagged, and the next one, which is not.
func someEditions(t *testing.T) (here, tagged edition) {
	t.Helper()
	tagged = pinned(t, aZip("code"))
	tagged.name = "the tag v1.0.0"
	next := aZip("better code")
	next.Version = "1.1.0"
	return pinned(t, next), tagged
}

func TestADownloadIsAVersionOrDiffersInWords(t *testing.T) {
	t.Parallel()
	here, tagged := someEditions(t)
	account, organization := tagged.files[template.Path], tagged.files[template.OrganizationPath]
	edited := func(body []byte, old, changed string) []byte {
		if !strings.Contains(string(body), old) {
			t.Fatalf("there is no %q", old)
		}
		return []byte(strings.Replace(string(body), old, changed, 1))
	}
	for _, c := range []struct {
		name string
		body []byte
		same bool
		says []string
	}{
		{name: "a version's template", body: account, same: true, says: []string{
			"is template/doitmanagement.yaml of version 1.0.0, byte for byte (the tag v1.0.0)",
		}},
		{name: "this commit's", body: here.files[template.Path], same: true,
			says: []string{"of version 1.1.0, byte for byte (this commit)"}},
		{name: "an organization's", body: organization, same: true,
			says: []string{"is template/organization.yaml of version 1.0.0, byte for byte"}},
		{name: "the page", body: here.files[template.LaunchPath], same: true,
			says: []string{"is template/launch.html of version 1.1.0"}},

		{name: "another account", body: edited(account, "Account: '462932234033'", "Account: '999999999999'"),
			says: []string{
				"it is not template/doitmanagement.yaml of version 1.0.0 (the tag v1.0.0):",
				"Mappings DoiT aws Account is 999999999999, not 462932234033",
			}},
		{name: "other code", body: edited(account, "CodeSha256: "+aZip("code").Pin().CodeSha256, "CodeSha256: x"),
			says: []string{
				"RegistrationFunctionVersion: CodeSha256 is x, not " + aZip("code").Pin().CodeSha256,
			}},
		{name: "a parameter", body: edited(account, "AllowedPattern: '^([0-9]{12})?$'", "AllowedPattern: '.*'"),
			says: []string{
				"the parameter AccountId: AllowedPattern is .*, not ^([0-9]{12})?$",
			}},
		{name: "one more parameter",
			body: edited(account, "\nParameters:\n", "\nParameters:\n  More: { Type: String }\n"),
			says: []string{
				"the parameter More was added: String",
			}},
		{name: "one more resource",
			body: edited(account, "\nResources:\n", "\nResources:\n  Door: { Type: AWS::IAM::Role }\n"), says: []string{
				"the resource Door was added: AWS::IAM::Role",
			}},
		{name: "no trail in the trust",
			body: edited(account, "              StringLike: ", "              StringLikeIfExists: "), says: []string{
				"SupportRole: AssumeRolePolicyDocument Statement 1 Condition StringLike is gone",
				"SupportRole: AssumeRolePolicyDocument Statement 1 Condition StringLikeIfExists was added",
			}},
		{name: "a limit less", body: edited(account, "[sts:AssumeRole, ", "["), says: []string{
			"SupportLimits: PolicyDocument Statement OtherRoles Action lacks sts:AssumeRole",
		}},
		{name: "no limits", body: edited(account, "        - !Ref SupportLimits\n", ""), says: []string{
			"SupportRole: ManagedPolicyArns 1 is gone: !Ref SupportLimits",
		}},
		{name: "another function",
			body: edited(account, "ManagedPolicyArns: [!Ref RegistrationLogAccess]",
				"ManagedPolicyArns: [x]"), says: []string{
				"RegistrationRole: ManagedPolicyArns is x, not !Ref RegistrationLogAccess",
			}},
		{name: "a word in place of a function", body: edited(account,
			"ServiceToken: !GetAtt RegistrationFunction.Arn", "ServiceToken: RegistrationFunction.Arn"),
			says: []string{
				"Registration: ServiceToken is RegistrationFunction.Arn, not !GetAtt RegistrationFunction.Arn",
			}},
		{name: "a comment", body: edited(account, "# The access.", "# Access."),
			says: []string{"only comments or the layout: line", `"# Access. `}},
		{name: "the ends of the lines", body: []byte(strings.ReplaceAll(string(account), "\n", "\r\n")),
			says: []string{"its lines end in CR LF"}},
		{name: "a blank line more", body: append(slices.Clone(account), '\n'),
			says: []string{"only the blank at its end"}},
		{name: "a mark before the first letter", body: append([]byte("\xef\xbb\xbf"), account...),
			says: []string{"only comments or the layout: line 1 is"}},
		{name: "arguments in another order",
			body: edited(account, "!If [Expires, !Ref AccessExpired, !Ref AWS::NoValue]",
				"!If [Expires, !Ref AWS::NoValue, !Ref AccessExpired]"),
			says: []string{"SupportRole: ManagedPolicyArns 4 has its items in another order"}},
		{name: "arguments that are no words, in another order", body: edited(account,
			"!If [HasTicket, { sts:RoleSessionName: !Sub '${TicketId}-*' }, !Ref AWS::NoValue]",
			"!If [HasTicket, !Ref AWS::NoValue, { sts:RoleSessionName: !Sub '${TicketId}-*' }]"),
			says: []string{"SupportRole: AssumeRolePolicyDocument Statement 1 Condition StringLike " +
				"has its items in another order"}},
		{name: "a long word that differs at its end",
			body: edited(organization, "^(ou-", "^("+strings.Repeat("x?", 100)+"ou-"),
			says: []string{"the parameter OrganizationalUnits: AllowedPattern is"}},
		{name: "a word without its quotes", body: edited(account, "Default: 'off'", "Default: off"),
			says: []string{"the parameter Notices: Default is off without quotes"}},
		{name: "a key twice", body: edited(account, "AllowedPattern: ", "AllowedPattern: '.*'\n    AllowedPattern: "),
			says: []string{"it is none of DoiT's: read the template: line ", "says AllowedPattern a second time"}},
		{name: "a reference of YAML's own",
			body: edited(account, "\nResources:\n", "\nResources:\n  Door: &door { Type: X }\n  More: *door\n"),
			says: []string{"it is none of DoiT's", "repeats *door"}},
		{name: "another document behind it", body: append(slices.Clone(account), "---\nResources: {}\n"...),
			says: []string{"it is none of DoiT's: read the template: behind it there is another document"}},
		{name: "what is no document behind it", body: append(slices.Clone(account), "\x00"...),
			says: []string{"it is none of DoiT's"}},
		{name: "a version that nobody has", body: edited(account, "TemplateVersion: 1.0.0", "TemplateVersion: 3.0.0"),
			says: []string{
				"it is not template/doitmanagement.yaml of version 1.1.0 (this commit):",
				"Registration: TemplateVersion is 3.0.0, not 1.1.0",
			}},
		{name: "an organization's that hands on less",
			body: edited(organization,
				"        - { ParameterKey: AccessExpires, ParameterValue: !Ref AccessExpires }\n", ""), says: []string{
				"it is not template/organization.yaml of version 1.0.0 (the tag v1.0.0):",
				"AccountStacks: Parameters AccessExpires is gone",
			}},
		{name: "a page with another script",
			body: edited(here.files[template.LaunchPath], "<script>", "<script>alert(1)//"),
			says: []string{
				"it is not template/launch.html of version 1.1.0 (this commit):", "line ", "alert(1)",
			}},
		{name: "another template", body: []byte("Resources: { Bucket: { Type: AWS::S3::Bucket } }"),
			says: []string{"it is none of DoiT's"}},
		{name: "no template", body: []byte("\x00\x01"), says: []string{"it is none of DoiT's"}},
		{name: "nothing", says: []string{"it is none of DoiT's"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "downloaded.yaml")
			if err := os.WriteFile(file, c.body, 0o600); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			r := &report{out: &out}
			if err := compareDownload(r, []edition{here, tagged}, file); err != nil {
				t.Fatal(err)
			}
			if status := r.conclude(); (status == 0) != c.same {
				t.Errorf("exit status %d:\n%s", status, &out)
			}
			for _, words := range append(c.says, "SHA-256 "+template.Digest(c.body)) {
				if !strings.Contains(out.String(), words) {
					t.Errorf("it does not say %q:\n%s", words, &out)
				}
			}
			if lines := strings.Count(out.String(), "\n"); lines > 8+len(c.says) {
				t.Errorf("%d lines for one difference:\n%s", lines, &out)
			}
		})
	}
}
