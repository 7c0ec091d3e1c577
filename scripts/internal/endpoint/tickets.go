package endpoint

import (
	"fmt"
	"slices"
	"strings"
)

// tickets are the open ones, with the accounts that may name them; the empty
// account is any. Without a list every ticket is open.
type tickets map[string][]string

func parseTickets(list string) (tickets, error) {
	if list == "" {
		return nil, nil
	}
	open := tickets{}
	for item := range strings.SplitSeq(list, ",") {
		ticket, account, bound := strings.Cut(item, "@")
		if !members["ticketId"].MatchString(ticket) || bound && !members["accountId"].MatchString(account) {
			return nil, fmt.Errorf("-tickets: %q is not a ticket or ticket@account", item)
		}
		open[ticket] = append(open[ticket], account)
	}
	return open, nil
}

// open tells whether a ticket may be named by an account. A registration without
// a ticket needs none.
func (t tickets) open(ticket, account string) bool {
	if t == nil || ticket == "" {
		return true
	}
	return slices.Contains(t[ticket], "") || slices.Contains(t[ticket], account)
}
