package loopback_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/loopback"
)

func TestAHeldPortIsNobodyElses(t *testing.T) {
	t.Parallel()
	socket, address, err := loopback.Hold()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a connection to the port ends in %v", err)
	}
	if _, err := net.Listen("tcp", address); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listening on the port of another ends in %v", err)
	}

	if err := syscall.Listen(int(socket.Fd()), 1); err != nil { // #nosec G115 -- descriptors are small
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", "127.0.0.2:"+port); err == nil {
		t.Error("the port is open at other addresses too")
	}
	caller, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(caller.Close(), socket.Close()); err != nil {
		t.Fatal(err)
	}
}
