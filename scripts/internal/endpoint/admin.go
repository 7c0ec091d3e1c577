package endpoint

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"time"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle []byte

var page = template.Must(template.New("page").Parse(pageText))

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
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
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

func (a *admin) show(w http.ResponseWriter, r *http.Request) {
	all, err := a.store.list(r.Context(), time.Now())
	if err != nil {
		a.log.ErrorContext(r.Context(), "list registrations", "error", err.Error())
		http.Error(w, "the registrations cannot be read; the log says why", http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == "/" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		err = page.Execute(w, all)
	} else {
		w.Header().Set("Content-Type", "application/json")
		err = json.NewEncoder(w).Encode(all)
	}
	if err != nil {
		a.log.WarnContext(r.Context(), "show registrations", "error", err.Error())
	}
}
