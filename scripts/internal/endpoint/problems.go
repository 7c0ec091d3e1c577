package endpoint

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// problemBase begins the type URI of every refusal. The URIs are part of the
// contract (template/registration.openapi.yaml) and are never renamed.
const problemBase = "https://registration.aws-ops.doit-intl.com/problems/"

// Problem is a refusal, an RFC 9457 problem document. Its detail is read by a
// customer in the CloudFormation console, so it says what to do next, and it is
// fixed: nothing that the caller sent comes back, except a ticket's number.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

var problems []*Problem

// Problems are all refusals that there are, in the order of the checks.
func Problems() []Problem {
	var all []Problem
	for _, p := range problems {
		all = append(all, *p)
	}
	return all
}

func define(p Problem) *Problem {
	p.Type = problemBase + p.Type
	problems = append(problems, &p)
	return &p
}

// The table of all refusals, in the order of the checks.
var (
	notFound = define(Problem{
		Status: 404, Type: "not-found", Title: "No such path",
		Detail: "This address is not the registration endpoint. Check the stack's parameter RegistrationEndpoint.",
	})
	methodNotAllowed = define(Problem{
		Status: 405, Type: "method-not-allowed", Title: "Method not allowed",
		Detail: "Registrations are sent with POST.",
	})
	tooManyRequests = define(Problem{
		Status: 429, Type: "too-many-requests", Title: "Too many requests",
		Detail: "Too many registrations arrive at the moment. Try again in a few minutes.",
	})
	bodyTooLarge = define(Problem{
		Status: 413, Type: "body-too-large", Title: "Body too large",
		Detail: "A registration has 16 KiB at most.",
	})
	bodyIncomplete = define(Problem{
		Status: 400, Type: "body-incomplete", Title: "Body incomplete",
		Detail: "The registration did not arrive whole within five seconds. Try again.",
	})
	proofTooLarge = define(Problem{
		Status: 413, Type: "proof-too-large", Title: "Proof too large",
		Detail: "The proof of the account has 8 KiB at most.",
	})
	unsupportedMedia = define(Problem{
		Status: 415, Type: "unsupported-media-type", Title: "Unsupported media type",
		Detail: "A registration is sent as application/json.",
	})
	wrongIdempotencyKey = define(Problem{
		Status: 400, Type: "wrong-idempotency-key", Title: "Wrong idempotency key",
		Detail: "The Idempotency-Key must be the lower-case hexadecimal SHA-256 digest of the body.",
	})
	invalidRegistration = define(Problem{
		Status: 400, Type: "invalid-registration", Title: "Not a registration",
		Detail: "The request is not a registration as the contract describes it. Update the stack to the newest " +
			"template.",
	})
	missingProof = define(Problem{
		Status: 401, Type: "missing-proof", Title: "Proof missing",
		Detail: "The request does not prove which AWS account sent it. Update the stack to the newest template.",
	})
	longTermCredentials = define(Problem{
		Status: 401, Type: "long-term-credentials", Title: "Proof from long-term credentials",
		Detail: "The proof of the account must come from a role's temporary credentials, not from an access key " +
			"of a user.",
	})
	unknownRegion = define(Problem{
		Status: 401, Type: "unknown-region", Title: "Region not known yet",
		Detail: "The registration endpoint does not know the stack's region yet. Ask in your support request to " +
			"have the endpoint updated, or launch the stack in another region: the role is for all of them.",
	})
	invalidProof = define(Problem{
		Status: 401, Type: "invalid-proof", Title: "Proof not valid",
		Detail: "The proof of the account does not have the one form that is accepted. Update the stack to the " +
			"newest template.",
	})
	untimelyProof = define(Problem{
		Status: 401, Type: "untimely-proof", Title: "Proof out of time",
		Detail: "The proof of the account was not made within the last five minutes. Try again.",
	})
	issuedInFuture = define(Problem{
		Status: 400, Type: "issued-in-future", Title: "Issued in the future",
		Detail: "The event claims to be issued more than five minutes from now. Try again.",
	})
	rejectedProof = define(Problem{
		Status: 401, Type: "rejected-proof", Title: "Proof rejected by AWS",
		Detail: "AWS does not confirm the proof of the account. Try again; if it stays so, answer in your " +
			"support request.",
	})
	stsNotActive = define(Problem{
		Status: 422, Type: "sts-not-active", Title: "AWS STS not active",
		Detail: "AWS STS is not active for your account in the stack's region. Activate it (IAM console, Account " +
			"settings, Security Token Service), or launch the stack in another region: the role is for all " +
			"of them.",
	})
	stsUnavailable = define(Problem{
		Status: 503, Type: "sts-unavailable", Title: "AWS STS unavailable",
		Detail: "AWS could not be asked to confirm the account. Try again in a few minutes.",
	})
	notAnAssumedRole = define(Problem{
		Status: 403, Type: "not-an-assumed-role", Title: "Not a role",
		Detail: "The proof comes from a user, a federated user or the root of the account. It must come from the " +
			"role of the stack's function.",
	})
	anotherAccount = define(Problem{
		Status: 403, Type: "another-account", Title: "Another account",
		Detail: "The proof comes from another account than the registration names.",
	})
	fromSupportRole = define(Problem{
		Status: 403, Type: "support-role-itself", Title: "From a support role",
		Detail: "The proof comes from a role that is, or was, registered for DoiT's support. It must come from " +
			"the role of the stack's function.",
	})
	disagreement = define(Problem{
		Status: 403, Type: "disagreement", Title: "Role, stack and proof disagree",
		Detail: "The role, the stack and the proof must belong to the same partition, account and region.",
	})
	accountTooBusy = define(Problem{
		Status: 429, Type: "account-too-busy", Title: "Too many requests of one account",
		Detail: "Too many registrations of this account arrive at the moment. Try again in a few minutes.",
	})
	overtaken = define(Problem{
		Status: 410, Type: "overtaken", Title: "Overtaken",
		Detail: "A later event of the same stack and role was already taken. Nothing was changed.",
	})
	notRegistered = define(Problem{
		Status: 404, Type: "not-registered", Title: "Not registered",
		Detail: "There is no registration of this stack and role. Nothing is left to delete.",
	})
	ticketNotOpen = define(Problem{
		Status: 403, Type: "ticket-not-open", Title: "Ticket not open",
		Detail: "Ticket %s is not open for this account. Check the stack's parameter TicketId against your " +
			"support request, or ask for a new link there.",
	})
	refused = define(Problem{
		Status: 403, Type: "refused", Title: "Refused",
		Detail: "The registration was refused. Answer in your support request.",
	})
	roleNotAssumable = define(Problem{
		Status: 425, Type: "role-not-assumable", Title: "Role not assumable yet",
		Detail: "DoiT cannot assume the role yet; a new role takes AWS some seconds. If it stays so, look for a " +
			"resource control policy of your organization that denies sts:AssumeRole to other accounts.",
	})
	roleOpensWithout = define(Problem{
		Status: 422, Type: "role-opens-without-external-id", Title: "Role opens without its external ID",
		Detail: "The role can be assumed without an external ID, so others than DoiT's support could be led into " +
			"it. Its trust policy must demand sts:ExternalId; the template's does.",
	})
	roleOpensWithAnother = define(Problem{
		Status: 422, Type: "role-opens-with-another-external-id", Title: "Role opens with another external ID",
		Detail: "The role can be assumed with another external ID than the one registered. Its trust policy must " +
			"demand exactly this sts:ExternalId; the template's does.",
	})
	roleUnverifiable = define(Problem{
		Status: 503, Type: "role-unverifiable", Title: "Role not verified",
		Detail: "AWS did not say whether the role can be assumed. Try again in a few minutes.",
	})
	accountIsFull = define(Problem{
		Status: 429, Type: "account-is-full", Title: "Too many registrations of one account",
		Detail: "This account has as many registrations as it may have. Delete stacks that are no longer needed, " +
			"then try again.",
	})
	storageUnavailable = define(Problem{
		Status: 503, Type: "storage-unavailable", Title: "Storage unavailable",
		Detail: "The registration could not be recorded. Try again in a few minutes.",
	})
)

func (p *Problem) Error() string {
	return fmt.Sprintf("%d %s", p.Status, p.name())
}

func (p *Problem) name() string {
	return strings.TrimPrefix(p.Type, problemBase)
}

// about names the ticket in the detail. Its number is checked by then: letters,
// digits and hyphens.
func (p *Problem) about(ticket string) *Problem {
	named := *p
	named.Detail = fmt.Sprintf(p.Detail, ticket)
	return &named
}

// saying replaces the detail with the operator's own words (-refuse).
func (p *Problem) saying(detail string) *Problem {
	worded := *p
	worded.Detail = detail
	return &worded
}

// retryAfter is how many seconds a caller should wait, and 0 where trying again is of no use.
func (p *Problem) retryAfter() int {
	switch p.Status {
	case http.StatusTooEarly, http.StatusTooManyRequests:
		return 1
	case http.StatusServiceUnavailable:
		return 2
	}
	return 0
}

func (p *Problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	if seconds := p.retryAfter(); seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may have gone; there is nobody else to tell
}
