package main

import (
	"io"
	"log"
	"log/slog"
	"net/url"
	"strings"
	"sync"
)

// logger writes lines about one event.
type logger = *slog.Logger

// Levels of Lambda's advanced logging controls that slog does not name. The
// function writes nothing at them.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
const (
	levelTrace = slog.LevelDebug - 4
	levelFatal = slog.LevelError + 4
)

// startLog makes every line of the process, those of aws-lambda-go included,
// a JSON object with timestamp, level and message, without what is withheld.
func startLog(w io.Writer, level string, withheld *secrets) {
	lowest, known := map[string]slog.Level{
		"TRACE": levelTrace, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo,
		"WARN": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": levelFatal,
	}[strings.ToUpper(level)]
	if !known {
		lowest = slog.LevelInfo
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: lowest,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch {
			case a.Key == slog.TimeKey:
				a.Key = "timestamp"
			case a.Key == slog.MessageKey:
				a = slog.String("message", withheld.removeFrom(a.Value.String()))
			case a.Value.Kind() == slog.KindString:
				a.Value = slog.StringValue(withheld.removeFrom(a.Value.String()))
			}
			return a
		},
	})))
	// aws-lambda-go prints through package log, and only what went wrong.
	slog.SetLogLoggerLevel(slog.LevelError)
	log.SetFlags(0)
}

// secrets are the texts that no log line and no error may hold, whoever sent
// them back to us: a server can repeat what it was sent.
type secrets struct {
	mu    sync.Mutex
	texts []string
}

// reset forgets the last event's secrets and takes up this one's.
func (s *secrets) reset(ev event) {
	s.mu.Lock()
	s.texts = nil
	for _, p := range []properties{ev.properties, ev.oldProperties} {
		if id := p.text("ExternalId"); len(id) >= 2 {
			s.texts = append(s.texts, id)
		}
	}
	s.mu.Unlock()
	u := ev.responseURL
	s.add(u.Scheme+"://"+u.Host+u.RequestURI(), u.RequestURI(), u.RawQuery)
	for _, values := range u.Query() {
		s.add(values...)
	}
	if c, err := environmentCredentials(); err == nil {
		s.add(c.SecretAccessKey, c.SessionToken, url.QueryEscape(c.SessionToken), c.AccessKeyID)
	}
}

// add withholds further texts. Short ones are left alone: they are no
// secrets, and would tear holes into every line.
func (s *secrets) add(texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range texts {
		if len(text) >= 8 {
			s.texts = append(s.texts, text)
		}
	}
}

// removeFrom takes out of a text whatever is withheld.
func (s *secrets) removeFrom(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.texts {
		// What is left and right of a secret can make up another one.
		for strings.Contains(text, secret) {
			text = strings.ReplaceAll(text, secret, "")
		}
	}
	return text
}
