package endpoint

import (
	"maps"
	"slices"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

func TestTheRegionsAreAWSsOwn(t *testing.T) {
	t.Parallel()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := regions.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	// In others, such as the isolated ones, the function does not run.
	maps.DeleteFunc(theirs, func(_, partition string) bool {
		return !slices.Contains(partitionNames(), partition)
	})
	if !maps.Equal(map[string]string(theirs), partitionOf) {
		t.Errorf("the endpoint knows %v, AWS has %v", partitionOf, theirs)
	}
}
