package main

import (
	"bytes"
	"io"
	"log"
	"maps"
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

// Write takes the lines of aws-lambda-go and net/http, which belong to no event. What net/http tells of an answer that
// nobody asked for is cut before the server's own words: they could be anybody's secret.
func (l logger) Write(line []byte) (int, error) {
	text, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" starting with "))
	l.line("ERROR", string(text), nil)
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
