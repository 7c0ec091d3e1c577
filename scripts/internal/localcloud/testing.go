package localcloud

import (
	"io"
	"testing"
)

// StartT starts a cloud for one test and stops it afterwards. The test's log
// has what the emulator wrote, where the test failed.
func StartT(t testing.TB, roots string) *Cloud {
	t.Helper()
	cloud, err := Start(t.Context(), Options{Progress: io.Discard, Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the local cloud's log:\n%s", cloud.Log())
		}
		cloud.Stop()
	})
	return cloud
}
