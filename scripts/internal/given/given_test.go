package given_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doitintl/aws-ro-access/scripts/internal/commandline"
	"github.com/doitintl/aws-ro-access/scripts/internal/given"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"greet": greet})
}

func TestValuesFromMakeAndFromFlags(t *testing.T) {
	t.Parallel()
	commandline.Run(t)
}

// greet is a program with a flag of each kind.
func greet() {
	name := given.Text("name", "NAME", "whom to greet")
	from := given.Line("from", "FROM", "what to read")
	loud := given.Switch("loud", "LOUD", "with a mark")
	if err := given.Parse(); err != nil {
		fmt.Fprintln(os.Stderr, "greet:", err)
		os.Exit(1)
	}
	fmt.Printf("name %q from %q loud %v\n", *name, *from, *loud)
}
