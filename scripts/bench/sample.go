package main

import (
	"fmt"
	"slices"
)

type unit int

const (
	seconds unit = iota
	bytesUnit
)

// An amount is a number with its unit.
type amount struct {
	n    float64
	unit unit
}

func bytesOf(b []byte) amount { return amount{float64(len(b)), bytesUnit} }

func (a amount) String() string {
	switch {
	case a.unit == seconds:
		return fmt.Sprintf("%.1f ms", a.n*1e3)
	case a.n < 1e5:
		return fmt.Sprintf("%.1f kB", a.n/1e3)
	}
	return fmt.Sprintf("%.2f MB", a.n/1e6)
}

// A sample is what many runs gave.
type sample []amount

func (s sample) quantile(q float64) amount {
	sorted := slices.SortedFunc(slices.Values(s), func(a, b amount) int {
		switch {
		case a.n < b.n:
			return -1
		case a.n > b.n:
			return 1
		}
		return 0
	})
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func (s sample) median() amount { return s.quantile(0.5) }

// spread is half of what lies between the quartiles.
func (s sample) spread() string {
	return fmt.Sprintf("± %v", amount{(s.quantile(0.75).n - s.quantile(0.25).n) / 2, s[0].unit})
}

// A goal is a ratio of two medians and where it is to be.
type goal struct {
	what    string
	ratio   float64
	limit   float64
	atLeast bool
}

func (g goal) met() bool {
	if g.atLeast {
		return g.ratio >= g.limit
	}
	return g.ratio <= g.limit
}

func (g goal) String() string {
	if g.atLeast {
		return fmt.Sprintf("at least %.4g", g.limit)
	}
	return fmt.Sprintf("at most %.4g", g.limit)
}

// goals takes the peers in the order in which build makes them.
func goals(peers []*peer) []goal {
	ours, floor, plain, python := peers[0], peers[1], peers[2], peers[3]
	return []goal{
		{what: "init, of the floor's", ratio: ours.init.median().n / floor.init.median().n, limit: 1.10},
		{
			what: "inline Python's init, of ours", ratio: python.init.median().n / ours.init.median().n,
			limit: 15, atLeast: true,
		},
		{what: "event to answer, of plain's", ratio: ours.answer.median().n / plain.answer.median().n, limit: 1},
		{what: "peak memory, of the floor's", ratio: ours.memory.median().n / floor.memory.median().n, limit: 1.25},
		{what: "zip, of the floor's", ratio: ours.zip.n / floor.zip.n, limit: 1.10},
	}
}
