package main

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// secrets are what nothing that is told of an event may hold, whoever repeats it: a server can answer with what it was
// sent. They belong to the event, beside which another one may be at work.
type secrets struct {
	texts []string // the longest first
	whole *strings.Replacer
}

func newSecrets(ev event) *secrets {
	s := new(secrets)
	s.add(ev.given.text("ExternalId"), ev.old.text("ExternalId"))
	u := ev.responseURL
	s.add(ev.text("ResponseURL"), u.Scheme+"://"+u.Host+u.RequestURI(), u.RequestURI(), u.RawQuery)
	for _, name := range []string{"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "Signature"} {
		s.add(u.Query().Get(name))
	}
	own := ownCredentials()
	s.add(own.AccessKeyID, own.SecretAccessKey, own.SessionToken, url.QueryEscape(own.SessionToken))
	return s
}

// add withholds further texts, in quotes and in one line too. One character is no secret, and would tear holes into
// every line.
func (s *secrets) add(texts ...string) {
	for _, text := range texts {
		quoted := strconv.Quote(text) // by net/http, which quotes what makes no sense to it
		for _, form := range []string{text, quoted[1 : len(quoted)-1], oneLine(text)} {
			if len(form) >= 2 && !slices.Contains(s.texts, form) {
				s.texts = append(s.texts, form)
			}
		}
	}
	slices.SortFunc(s.texts, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, text := range s.texts {
		pairs = append(pairs, text, "")
	}
	s.whole = strings.NewReplacer(pairs...)
}

// removeFrom takes out each secret before its parts, and then those that stood around another, however often: a server
// that wraps them into each other must not cost the answer's time.
func (s *secrets) removeFrom(text string) string {
	if s.whole == nil {
		return text
	}
	var kept []byte
	for _, next := range []byte(s.whole.Replace(text)) {
		kept = append(kept, next)
		for _, secret := range s.texts {
			if rest := len(kept) - len(secret); rest >= 0 && string(kept[rest:]) == secret {
				kept = kept[:rest]
				break
			}
		}
	}
	return string(kept)
}

// tellable makes of a text, as it came, at most so many characters of a line. What is to be withheld is sought before
// anything is cut, since its beginning tells as much as the whole.
func (s *secrets) tellable(text string, most int) string {
	line := []rune(s.removeFrom(oneLine(s.removeFrom(text))))
	return string(line[:min(len(line), most)])
}

// oneLine makes any white space one plain space, and drops what no console shows: surrogates too, for which Go's text
// has U+FFFD.
func oneLine(text string) string {
	visible := func(r rune) rune {
		control := unicode.In(r, unicode.Cc, unicode.Cf) && !unicode.IsSpace(r)
		if nothing := r >= '\uFFFD' && r <= '\uFFFF'; control || nothing {
			return -1
		}
		return r
	}
	return strings.Join(strings.Fields(strings.Map(visible, text)), " ")
}
