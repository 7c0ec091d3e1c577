package main

import (
	"bytes"
	"io"
	"log"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// logger writes lines of JSON with timestamp, level and message, and without secrets. It is not log/slog, which would
// take 180 kB more of memory, an eighth of what the function takes beyond an empty one.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
type logger struct {
	out      *log.Logger
	least    int // of levels
	withheld *secrets
	always   fields // on each line
}

type fields map[string]any

var levels = map[string]int{"TRACE": -2, "DEBUG": -1, "INFO": 0, "WARN": 1, "ERROR": 2, "FATAL": 3}

func newLogger(w io.Writer, level string) logger {
	return logger{out: log.New(w, "", 0), least: levels[level], withheld: new(secrets)} // INFO for any other
}

// with is a logger that writes these fields on each line.
func (l logger) with(always fields) logger {
	l.always = always
	return l
}

func (l logger) Write(line []byte) (int, error) {
	l.line("ERROR", string(bytes.TrimSpace(line)), nil)
	return len(line), nil
}

func (l logger) line(level, message string, more fields) {
	if levels[level] < l.least {
		return
	}
	line := fields{"message": message}
	maps.Copy(line, l.always)
	maps.Copy(line, more)
	for name, value := range line {
		if text, ok := value.(string); ok {
			line[name] = l.withheld.removeFrom(text)
		}
	}
	line["timestamp"], line["level"] = time.Now().UTC().Format(time.RFC3339Nano), level
	l.out.Printf("%s", marshal(line))
}

// secrets are what no line and no error may hold, whoever repeats it: a server can answer with what it was sent.
type secrets struct {
	mu    sync.Mutex // net/http may log while an event is at work
	texts []string
}

// reset withholds what is secret about an event, and nothing of the last one.
func (s *secrets) reset(ev event) {
	s.mu.Lock()
	s.texts = nil
	s.mu.Unlock()
	s.add(ev.given.text("ExternalId"), ev.old.text("ExternalId"))
	u := ev.responseURL
	s.add(u.Scheme+"://"+u.Host+u.RequestURI(), u.RequestURI(), u.RawQuery, u.Query().Get("X-Amz-Signature"))
	own := ownCredentials()
	s.add(own.AccessKeyID, own.SecretAccessKey, own.SessionToken, url.QueryEscape(own.SessionToken))
}

// add withholds further texts. One character is no secret, and would tear holes into every line.
func (s *secrets) add(texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range texts {
		if len(text) >= 2 {
			s.texts = append(s.texts, text)
		}
	}
	// So that a whole is removed before its parts.
	slices.SortFunc(s.texts, func(a, b string) int { return len(b) - len(a) })
}

func (s *secrets) removeFrom(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for before := ""; before != text; { // what stood around one can make up another
		before = text
		for _, secret := range s.texts {
			text = strings.ReplaceAll(text, secret, "")
		}
	}
	return text
}
