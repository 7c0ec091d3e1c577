// Command floor is an empty function: what aws-lambda-go itself costs.
package main

import "github.com/aws/aws-lambda-go/lambda"

func main() {
	lambda.Start(func() error { return nil })
}
