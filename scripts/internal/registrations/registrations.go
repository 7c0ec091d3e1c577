// Package registrations is what the reference endpoint's admin listener shows,
// for the endpoint and for those who read it.
package registrations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Registration is one stack's registration of one role.
type Registration struct {
	RegistrationID string  `json:"registrationId"`
	AccountID      string  `json:"accountId"`
	Region         string  `json:"region"`
	StackID        string  `json:"stackId"`
	RoleArn        string  `json:"roleArn"`
	ExternalID     string  `json:"externalId"`
	TicketID       string  `json:"ticketId"`
	Access         string  `json:"access"`
	AccessExpires  string  `json:"accessExpires"`
	Status         string  `json:"status"`
	History        []Event `json:"history"`
}

// The statuses that there are.
const (
	Active    = "active"
	Suspended = "suspended" // dismissed or expired
	Deleted   = "deleted"
)

// Event is one event that the endpoint took, and what it found out.
type Event struct {
	At              string `json:"at"`
	RequestType     string `json:"requestType"`
	RequestID       string `json:"requestId"`
	IssuedAt        string `json:"issuedAt"`
	TicketID        string `json:"ticketId"`
	Access          string `json:"access"`
	AccessExpires   string `json:"accessExpires"`
	TemplateVersion string `json:"templateVersion"`
	ClaimedAccount  string `json:"claimedAccount"`
	ProvedAccount   string `json:"provedAccount"` // by STS
	Caller          string `json:"caller"`        // by STS
	Role            Look   `json:"role"`
}

// Look is what was known of the role when an event was taken.
type Look string

// All there are. A Delete has none.
const (
	Opens     Look = "opens with the external ID, and not without or with another"
	AsItWas   Look = "as it was" // the event brings nothing new
	Ended     Look = "not looked at, the access has ended"
	Narrowed  Look = "not looked at, the access ends earlier"
	Unwatched Look = "not looked at, as the operator wishes"
)

// Since is when the registration began to be what it is.
func (r Registration) Since() string { return r.last().IssuedAt }

// Proved is the account that STS named last.
func (r Registration) Proved() string { return r.last().ProvedAccount }

func (r Registration) last() Event {
	if len(r.History) == 0 {
		return Event{}
	}
	return r.History[len(r.History)-1]
}

// List asks an admin listener for all registrations, those of deleted stacks
// too, page by page.
func List(ctx context.Context, admin string) (all []Registration, err error) {
	for next := "/v1/registrations"; next != ""; {
		var rows []Registration
		if rows, next, err = page(ctx, admin, next); err != nil {
			return nil, fmt.Errorf("list the registrations: %w", err)
		}
		all = append(all, rows...)
	}
	return all, nil
}

func page(ctx context.Context, admin, path string) (rows []Registration, next string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+path, nil)
	if err != nil {
		return nil, "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("the endpoint answered %s", answer.Status)
	}
	if link, more := strings.CutSuffix(answer.Header.Get("Link"), ">; rel=next"); more {
		next = strings.TrimPrefix(link, "<")
	}
	return rows, next, json.NewDecoder(answer.Body).Decode(&rows)
}
