package runtimeapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// functionARN is what Lambda tells an invocation about itself.
const functionARN = "arn:aws:lambda:eu-west-1:111122223333:function:doit-access-RegistrationFunction-0123456789AB"

// A Runtime is the Lambda Runtime API of one process: it hands out events one
// at a time and takes what became of them.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type Runtime struct {
	server *http.Server
	addr   string
	events chan *invocation
	gone   chan struct{} // closed when it no longer answers

	once  sync.Once
	ready chan struct{} // closed at the first request for an event
	at    time.Time     // of that request; read it after ready

	mu      sync.Mutex
	running map[string]*invocation

	// InitError receives the body of an initialization error.
	InitError chan []byte
}

type invocation struct {
	id       string
	event    []byte
	deadline time.Time
	taken    time.Time
	result   chan Result
}

// A Result is what the process reported for one event.
type Result struct {
	Response []byte    // of an invocation that succeeded
	Error    *Error    // of one that did not
	Taken    time.Time // when the process was given the event
	Done     time.Time // when it reported the result
}

// An Error is the document with which a runtime reports a failed invocation.
type Error struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
	Body    []byte `json:"-"` // the whole document
}

func newRuntime() (*Runtime, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the runtime API: %w", err)
	}
	r := &Runtime{
		addr:      listener.Addr().String(),
		events:    make(chan *invocation),
		gone:      make(chan struct{}),
		ready:     make(chan struct{}),
		running:   map[string]*invocation{},
		InitError: make(chan []byte, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", r.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", r.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", r.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", r.initError)
	r.server = &http.Server{Handler: r.unlessGone(mux), ReadHeaderTimeout: time.Minute}
	go func() { _ = r.server.Serve(listener) }() // ends with close
	return r, nil
}

func (r *Runtime) close() { _ = r.server.Close() } // only its listener could fail to close

// unlessGone breaks each connection without an answer once the API is gone. The
// listener stays: the process would go on asking whoever got its port.
func (r *Runtime) unlessGone(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		select {
		case <-r.gone:
			panic(http.ErrAbortHandler)
		default:
			handler.ServeHTTP(w, req)
		}
	})
}

func (r *Runtime) next(w http.ResponseWriter, req *http.Request) {
	r.once.Do(func() {
		r.at = time.Now()
		close(r.ready)
	})
	var i *invocation
	select {
	case i = <-r.events:
	case <-r.gone:
		panic(http.ErrAbortHandler)
	case <-req.Context().Done():
		return
	}
	r.mu.Lock()
	r.running[i.id] = i
	i.taken = time.Now()
	r.mu.Unlock()

	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", functionARN)
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0")
	_, _ = w.Write(i.event) // a process that went away has no result either
}

func (r *Runtime) response(w http.ResponseWriter, req *http.Request) {
	r.finish(w, req, func(body []byte) Result { return Result{Response: body} })
}

func (r *Runtime) failure(w http.ResponseWriter, req *http.Request) {
	r.finish(w, req, func(body []byte) Result {
		failed := &Error{Body: body}
		_ = json.Unmarshal(body, failed) // Body says it all where it is no JSON
		return Result{Error: failed}
	})
}

func (r *Runtime) finish(w http.ResponseWriter, req *http.Request, result func([]byte) Result) {
	done := time.Now()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the process was killed in the middle of its report
	}
	id := req.PathValue("id")
	r.mu.Lock()
	i, ok := r.running[id]
	delete(r.running, id)
	r.mu.Unlock()
	if !ok {
		http.Error(w, `{"errorMessage":"no such invocation","errorType":"InvalidRequestID"}`, http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	found := result(body)
	found.Taken, found.Done = i.taken, done
	i.result <- found
}

func (r *Runtime) initError(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	select {
	case r.InitError <- body:
	default:
	}
	w.WriteHeader(http.StatusAccepted)
}

// invoke hands the event to the process and waits for what becomes of it.
func (r *Runtime) invoke(ctx context.Context, event []byte, deadline time.Time) (Result, error) {
	i := &invocation{id: newID(), event: event, deadline: deadline, result: make(chan Result, 1)}
	select {
	case r.events <- i:
	case <-ctx.Done():
		return Result{}, fmt.Errorf("the process did not ask for an event: %w", context.Cause(ctx))
	}
	select {
	case result := <-i.result:
		return result, nil
	case <-ctx.Done():
		return Result{}, fmt.Errorf("the process did not finish the event: %w", context.Cause(ctx))
	}
}

func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
