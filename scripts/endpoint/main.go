// Command endpoint is the reference registration endpoint. It believes nobody:
// every registration proves which AWS account sent it, and the role is tried
// before it is recorded.
package main

import (
	"os"

	"github.com/doitintl/aws-ro-access/scripts/internal/endpoint"
)

func main() { os.Exit(endpoint.Main()) }
