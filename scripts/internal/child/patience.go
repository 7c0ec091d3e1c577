package child

import (
	"fmt"
	"io"
	"time"
)

// Patiently runs what is quick but for the first time, and says what it does
// once it takes longer than that, every twenty seconds.
func Patiently(out io.Writer, what string, run func() error) error {
	done, silent, began := make(chan struct{}), make(chan struct{}), time.Now()
	go func() {
		defer close(silent)
		for wait := 3 * time.Second; ; wait = 20 * time.Second {
			select {
			case <-done:
				return
			case <-time.After(wait):
				_, _ = fmt.Fprintf(out, "%s; %.0f s so far\n", what, time.Since(began).Seconds())
			}
		}
	}()
	defer func() {
		close(done)
		<-silent
	}()
	return run()
}
