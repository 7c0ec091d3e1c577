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

func define(status int, name, title, detail string) *Problem {
	p := &Problem{problemBase + name, title, status, detail}
	problems = append(problems, p)
	return p
}

// The table of all refusals, in the order of the checks.
var (
	notFound         = define(404, "not-found", "No such path", "This address is not the registration endpoint. Check the stack's parameter RegistrationEndpoint.")
	methodNotAllowed = define(405, "method-not-allowed", "Method not allowed", "Registrations are sent with POST.")
	tooManyRequests  = define(429, "too-many-requests", "Too many requests", "Too many registrations arrive at the moment. Try again in a few minutes.")

	bodyTooLarge         = define(413, "body-too-large", "Body too large", "A registration has 16 KiB at most.")
	proofTooLarge        = define(413, "proof-too-large", "Proof too large", "The proof of the account has 8 KiB at most.")
	unsupportedMedia     = define(415, "unsupported-media-type", "Unsupported media type", "A registration is sent as application/json.")
	wrongIdempotencyKey  = define(400, "wrong-idempotency-key", "Wrong idempotency key", "The Idempotency-Key must be the lower-case hexadecimal SHA-256 digest of the body.")
	invalidRegistration  = define(400, "invalid-registration", "Not a registration", "The request is not a registration as the contract describes it. Update the stack to the newest template.")
	missingProof         = define(401, "missing-proof", "Proof missing", "The request does not prove which AWS account sent it. Update the stack to the newest template.")
	longTermCredentials  = define(401, "long-term-credentials", "Proof from long-term credentials", "The proof of the account must come from a role's temporary credentials, not from an access key of a user.")
	invalidProof         = define(401, "invalid-proof", "Proof not valid", "The proof of the account does not have the one form that is accepted. Update the stack to the newest template.")
	untimelyProof        = define(401, "untimely-proof", "Proof out of time", "The proof of the account was not made within the last five minutes. Try again.")
	issuedInFuture       = define(400, "issued-in-future", "Issued in the future", "The event claims to be issued more than five minutes after its proof was made. Try again.")
	rejectedProof        = define(401, "rejected-proof", "Proof rejected by AWS", "AWS does not confirm the proof of the account. Try again; if it stays so, answer in your support request.")
	stsUnavailable       = define(503, "sts-unavailable", "AWS STS unavailable", "AWS could not be asked to confirm the account. Try again in a few minutes.")
	notAnAssumedRole     = define(403, "not-an-assumed-role", "Not a role", "The proof comes from a user, a federated user or the root of the account. It must come from the role of the stack's function.")
	anotherAccount       = define(403, "another-account", "Another account", "The proof comes from another account than the registration names.")
	supportRoleItself    = define(403, "support-role-itself", "The support role itself", "The proof comes from the role that is to be registered. It must come from the role of the stack's function.")
	disagreement         = define(403, "disagreement", "Role, stack and proof disagree", "The role, the stack and the proof must belong to the same partition, account and region.")
	overtaken            = define(410, "overtaken", "Overtaken", "A later event of the same stack and role was already taken. Nothing was changed.")
	notRegistered        = define(404, "not-registered", "Not registered", "There is no registration of this stack and role. Nothing is left to delete.")
	ticketNotOpen        = define(403, "ticket-not-open", "Ticket not open", "Ticket %s is not open for this account. Check the stack's parameter TicketId against your support request, or ask for a new link there.")
	refused              = define(403, "refused", "Refused", "The registration was refused. Answer in your support request.")
	roleNotAssumable     = define(425, "role-not-assumable", "Role not assumable yet", "DoiT cannot assume the role yet; a new role takes AWS some seconds. If it stays so, look for a resource control policy of your organization that denies sts:AssumeRole to other accounts.")
	roleOpensWithout     = define(422, "role-opens-without-external-id", "Role opens without its external ID", "The role can be assumed without an external ID, so others than DoiT's support could be led into it. Its trust policy must demand sts:ExternalId; the template's does.")
	roleOpensWithAnother = define(422, "role-opens-with-another-external-id", "Role opens with another external ID", "The role can be assumed with another external ID than the one registered. Its trust policy must demand exactly this sts:ExternalId; the template's does.")
	roleUnverifiable     = define(503, "role-unverifiable", "Role not verified", "AWS did not say whether the role can be assumed. Try again in a few minutes.")
	storageUnavailable   = define(503, "storage-unavailable", "Storage unavailable", "The registration could not be recorded. Try again in a few minutes.")
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
