// Command endpoint is the reference registration endpoint: it believes nobody.
package main

func main() {}
