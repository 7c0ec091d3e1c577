// Package values reads lambda/testdata/values.json: for each member of the wire
// values that are good and values that are bad, and the partitions that there
// are. The function, the contract and the endpoint are all tested with it, so
// that none of them can have a rule of its own.
package values

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// Path is the table, from the top of the repository.
const Path = "lambda/testdata/values.json"

// Table is all of it.
type Table struct {
	Partitions   []Partition
	NoPartitions []string
	Members      []Member
}

// Partition is one of AWS's, with a region of it and the name of STS there.
type Partition struct{ Name, Region, STS string }

// Member is one of the registration's. Property is that of the template's
// Registration from which it comes; some come from the event itself.
type Member struct {
	Name      string `json:"member"`
	Property  string
	Good, Bad []string
}

// Read reads the table.
func Read(t testing.TB) Table {
	t.Helper()
	text, err := repo.ReadFile(Path)
	if err != nil {
		t.Fatal(err)
	}
	var table Table
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatalf("%s: %v", Path, err)
	}
	for _, member := range table.Members {
		for _, list := range [][]string{member.Good, member.Bad} {
			for i, value := range list {
				list[i] = long(value)
			}
		}
	}
	return table
}

var repeated = regexp.MustCompile(`\{.\*[0-9]+\}`)

// long writes out {x*32}, which is 32 times the x.
func long(value string) string {
	return repeated.ReplaceAllStringFunc(value, func(short string) string {
		n, _ := strconv.Atoi(short[3 : len(short)-1]) // of digits alone
		return strings.Repeat(short[1:2], n)
	})
}
