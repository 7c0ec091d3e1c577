package given_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doitintl/aws-ro-access/scripts/internal/commandline"
	"github.com/doitintl/aws-ro-access/scripts/internal/given"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"greet": greet, "linger": linger})
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
	given.Main("greet", func(context.Context) error {
		_, err := fmt.Printf("name %q from %q loud %v\n", *name, *from, *loud)
		return err
	})
}

// linger is a program that says when it has begun, and goes on to its end.
func linger() {
	begun := given.Line("begun", "BEGUN", "the pipe in which to say so")
	given.Main("linger", func(ctx context.Context) error {
		if err := os.WriteFile(*begun, []byte("begun"), 0o600); err != nil {
			return err
		}
		<-ctx.Done()
		return errors.New("a command\nthat was interrupted has much to say")
	})
}
