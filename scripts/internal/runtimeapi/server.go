package runtimeapi

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// A Certificate is what the servers on loopback show, and File is where the
// function finds it as one that it is to trust.
type Certificate struct {
	File    string
	KeyFile string
	pair    tls.Certificate
}

// NewCertificate makes a certificate for the loopback addresses, and for the
// names of those whose part a server plays. It writes it and its key to two
// files in dir.
func NewCertificate(dir string, names ...string) (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "127.0.0.1"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              append(names, "localhost"),
		// A call to 0.0.0.0 reaches this machine too, and is the one such
		// address for which Go would ask a proxy.
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4zero},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write the key: %w", err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	c := &Certificate{
		File:    filepath.Join(dir, "certificate.pem"),
		KeyFile: filepath.Join(dir, "key.pem"),
		pair:    tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: made},
	}
	for file, block := range map[string]*pem.Block{
		c.File:    {Type: "CERTIFICATE", Bytes: der},
		c.KeyFile: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, fmt.Errorf("write the certificate: %w", err)
		}
	}
	return c, nil
}

// Pool is the certificate for a Go program that is to trust it.
func (c *Certificate) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.pair.Leaf)
	return pool
}

// A Request is one that a server received, as it came.
type Request struct {
	Method           string
	Target           string // path and query, byte for byte
	Proto            string
	Host             string
	Header           http.Header
	Body             []byte
	Length           int64 // the Content-Length, -1 for none
	TransferEncoding []string
	Received         time.Time // when its head had come
	Answered         time.Time // when the handler returned
}

// A Server keeps each request that comes and answers with its handler, which
// finds the whole body read.
type Server struct {
	// Host is the address of the server, 127.0.0.1 and its port.
	Host string

	server *http.Server

	mu       sync.Mutex
	requests []*Request
}

// Serve starts a TLS server on loopback, of HTTP/1.1 as S3 is.
func (c *Certificate) Serve(handler http.Handler) (*Server, error) {
	return serve(handler, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c.pair}}, false)
}

// ServeHTTP2 starts one that speaks HTTP/2 with those who can.
func (c *Certificate) ServeHTTP2(handler http.Handler) (*Server, error) {
	return serve(handler, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c.pair}}, true)
}

// ServeOldTLS starts one that speaks TLS 1.1 and nothing newer.
func (c *Certificate) ServeOldTLS(handler http.Handler) (*Server, error) {
	old := &tls.Config{ // #nosec G402 -- the function must refuse it
		MinVersion:   tls.VersionTLS10,
		MaxVersion:   tls.VersionTLS11,
		Certificates: []tls.Certificate{c.pair},
	}
	return serve(handler, old, false)
}

// ServePlain starts one without TLS, which is all that a local cloud has for a
// ResponseURL.
func ServePlain(handler http.Handler) (*Server, error) { return serve(handler, nil, false) }

func serve(handler http.Handler, config *tls.Config, http2 bool) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	s := &Server{Host: listener.Addr().String()}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(http2)
	s.server = &http.Server{
		Handler:           s.keep(handler),
		TLSConfig:         config,
		Protocols:         protocols,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // failed handshakes are what some callers want
	}
	go func() { // ends with Close
		if config == nil {
			_ = s.server.Serve(listener)
			return
		}
		_ = s.server.ServeTLS(listener, "", "")
	}()
	return s, nil
}

func (s *Server) keep(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := &Request{
			Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Host: r.Host,
			Header: r.Header.Clone(), Length: r.ContentLength, TransferEncoding: r.TransferEncoding,
			Received: time.Now(),
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the caller was killed in the middle of it
		}
		kept.Body = body
		s.mu.Lock()
		s.requests = append(s.requests, kept)
		s.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		defer func() {
			s.mu.Lock()
			kept.Answered = time.Now()
			s.mu.Unlock()
		}()
		handler.ServeHTTP(w, r)
	})
}

// Requests are those that came until now, in their order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Request
	for _, r := range s.requests {
		all = append(all, *r)
	}
	return all
}

// Forget drops what came until now.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = slices.Delete(s.requests, 0, len(s.requests))
}

// Close ends the server and whatever it was still answering.
func (s *Server) Close() { _ = s.server.Close() } // only its listener could fail to close
