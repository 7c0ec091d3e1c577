package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// lines are those of the log, as far as a test looks at them.
func (s *scene) lines() (lines []map[string]any) {
	s.Helper()
	for text := range strings.Lines(s.log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			s.Fatalf("%v: %s", err, text)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestTheLogTellsTheStory(t *testing.T) {
	play(t, func(s *scene) {
		s.endpoint = func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				w.Header().Set("Retry-After", "10")
				problem(503, "not <now>")(w, r, n)
				return
			}
			time.Sleep(2 * time.Second)
			problem(403, "never")(w, r, n)
		}
		time.Sleep(1500 * time.Millisecond)
		s.mustInvoke("Create")
		const common = `"requestType":"Create","role":"` + testRole + `","stack":"s",`
		want := []string{
			`{"level":"INFO","message":"event",` + common + `"timestamp":"2000-01-01T00:00:01.5Z"}`,
			`{"attempt":1,"duration":0,"error":"answered 503 Service Unavailable: not <now>","level":"WARN",` +
				`"message":"try failed",` + common +
				`"status":503,"timestamp":"2000-01-01T00:00:01.5Z","to":"registration endpoint"}`,
			`{"attempt":2,"duration":2,"error":"answered 403 Forbidden: never","level":"WARN",` +
				`"message":"try failed",` + common + `"status":403,"timestamp":"T","to":"registration endpoint"}`,
			`{"answered":true,"duration":D,"error":"registration endpoint: answered 403 Forbidden: never",` +
				`"level":"ERROR","message":"outcome",` + common + `"status":"FAILED","timestamp":"T"}`,
		}
		got := strings.Split(strings.TrimSuffix(s.log.String(), "\n"), "\n")
		for i, line := range s.lines() {
			if i > 1 { // after a wait of chance
				got[i] = strings.Replace(got[i], fmt.Sprint(line["timestamp"]), "T", 1)
			}
			if duration, _ := line["duration"].(float64); i == 3 {
				within(t, "the outcome", time.Duration(duration*float64(time.Second)), 12*time.Second,
					12200*time.Millisecond)
				got[i] = strings.Replace(got[i], fmt.Sprintf(`"duration":%v`, duration), `"duration":D`, 1)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the log is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestTheLogIsFiltered(t *testing.T) {
	levels := []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}
	for level, want := range map[string]string{
		"TRACE": "INFO WARN ERROR", "DEBUG": "INFO WARN ERROR", "INFO": "INFO WARN ERROR", "": "INFO WARN ERROR",
		"VERBOSE": "INFO WARN ERROR", "info": "INFO WARN ERROR", "WARN": "WARN ERROR", "ERROR": "ERROR", "FATAL": "",
	} {
		t.Run(level, func(t *testing.T) {
			play(t, func(s *scene) {
				s.f.log = newLogger(s.log, level)
				s.endpoint = problem(403, "no")
				s.mustInvoke("Create")
				var got []string
				for _, line := range s.lines() {
					got = append(got, line["level"].(string))
				}
				if strings.Join(got, " ") != want {
					t.Errorf("%q lets %v through, want %s", level, got, want)
				}
				for _, line := range levels {
					s.log.Reset()
					s.f.log.line(line, "a line", nil)
					wanted := slices.Index(levels, line) >= max(slices.Index(levels, level), 0)
					if !slices.Contains(levels, level) {
						wanted = slices.Index(levels, line) >= 2
					}
					if (s.log.Len() > 0) != wanted {
						t.Errorf("%q lets a line of %s through: %v", level, line, !wanted)
					}
				}
			})
		})
	}
}

// What the runtime library and net/http print belongs to no event.
func TestTheLibrariesLinesAreJSONWithoutAServersWords(t *testing.T) {
	const unasked = "Unsolicited response received on idle HTTP channel"
	for printed, want := range map[string]string{
		"  runtime API client failed\n":                        "runtime API client failed",
		unasked + ` starting with "an-external-id"; err=<nil>`: unasked,
	} {
		var b bytes.Buffer
		n, err := newLogger(&b, "").Write([]byte(printed))
		var line map[string]string
		if err := json.Unmarshal(b.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if n != len(printed) || err != nil || line["message"] != want || line["level"] != "ERROR" || len(line) != 3 {
			t.Errorf("%q is told as %v (%d, %v)", printed, line, n, err)
		}
	}
}
