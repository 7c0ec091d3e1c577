package main

import (
	"cmp"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// startLog makes every line of the process, those of aws-lambda-go included, a
// JSON object with timestamp, level and message, and without secrets.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
func startLog(w io.Writer, level string, withheld *secrets) {
	levels := map[string]slog.Level{"TRACE": -8, "DEBUG": -4, "INFO": 0, "WARN": 4, "ERROR": 8, "FATAL": 12}
	keys := map[string]string{slog.TimeKey: "timestamp", slog.MessageKey: "message"}
	slog.SetDefault(slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: levels[level], // INFO for any other
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Value.Kind() == slog.KindString {
				a.Value = slog.StringValue(withheld.removeFrom(a.Value.String()))
			}
			a.Key = cmp.Or(keys[a.Key], a.Key)
			return a
		},
	})))
	slog.SetLogLoggerLevel(slog.LevelError) // of package log, by which aws-lambda-go tells what went wrong
}

// secrets are what no log line and no error may hold, whoever repeats it to
// us: a server can write what it was sent into its answer.
type secrets struct {
	mu    sync.Mutex // net/http may log while an event is at work
	texts []string
}

// reset withholds what is secret about an event, and nothing of the last one.
func (s *secrets) reset(ev event) {
	s.mu.Lock()
	s.texts = nil
	s.mu.Unlock()
	u, own := ev.responseURL, ownCredentials()
	s.add(ev.given.text("ExternalId"), ev.old.text("ExternalId"), u.Scheme+"://"+u.Host+u.RequestURI(), u.RequestURI(), u.RawQuery,
		u.Query().Get("X-Amz-Signature"), own.SecretAccessKey, own.SessionToken, url.QueryEscape(own.SessionToken), own.AccessKeyID)
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
	slices.SortFunc(s.texts, func(a, b string) int { return len(b) - len(a) }) // so that a whole is removed before its parts
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
