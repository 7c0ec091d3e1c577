package endpoint

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle []byte

var pageTemplate = template.Must(template.New("page").Parse(pageText))

const (
	// How many registrations a page of the list has at most, and unless less are asked for.
	mostListed = 1000
	// How many a person sees at once, unless others are asked for.
	shownAtOnce = 100
)

// admin shows what is registered, to people and programs on this machine. It has
// external IDs, so a page of a stranger's whose name points here (DNS rebinding)
// must not read it: the Host has to be a loopback one.
type admin struct {
	store *store
	log   *slog.Logger
}

func (a *admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	switch {
	case !isLoopback(r.Host):
		http.Error(w, "this address answers to a loopback host only", http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "registrations can only be read here", http.StatusMethodNotAllowed)
	case r.URL.Path == "/page.css":
		header.Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(pageStyle) // the reader may have gone
	case r.URL.Path == "/v1/registrations", r.URL.Path == "/":
		a.show(w, r)
	default:
		http.NotFound(w, r)
	}
}

// shown is what the page is made of.
type shown struct {
	Registrations []registrations.Registration
	Count         int    // of all
	Behind        bool   // there are registrations before these
	Next          string // where the list goes on, empty at its end
}

func (a *admin) show(w http.ResponseWriter, r *http.Request) {
	otherwise := mostListed
	if r.URL.Path == "/" {
		otherwise = shownAtOnce
	}
	limit, err := parseLimit(r.URL.Query().Get("limit"), otherwise)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p, err := a.store.list(r.Context(), r.URL.Query().Get("after"), limit, time.Now())
	switch {
	case errors.Is(err, errNoSuchRow):
		http.Error(w, "?after= names no registration; it may be forgotten by now: begin anew", http.StatusBadRequest)
		return
	case err != nil:
		a.log.ErrorContext(r.Context(), "list registrations", "error", err.Error())
		http.Error(w, "the registrations cannot be read; the log says why", http.StatusServiceUnavailable)
		return
	}
	view := shown{Registrations: p.rows, Count: p.count, Behind: r.URL.Query().Get("after") != ""}
	if p.next {
		last := p.rows[len(p.rows)-1].RegistrationID
		view.Next = r.URL.Path + "?" + url.Values{"limit": {strconv.Itoa(limit)}, "after": {last}}.Encode()
		w.Header().Set("Link", "<"+view.Next+">; rel=next")
	}
	if r.URL.Path == "/" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		err = pageTemplate.Execute(w, view)
	} else {
		w.Header().Set("Content-Type", "application/json")
		err = json.NewEncoder(w).Encode(view.Registrations)
	}
	if err != nil {
		a.log.WarnContext(r.Context(), "show registrations", "error", err.Error())
	}
}

func parseLimit(text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 {
		return 0, fmt.Errorf("?limit= is a number from 1 to %d", mostListed)
	}
	return min(limit, mostListed), nil
}
