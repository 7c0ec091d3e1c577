// Package loopback keeps a port of 127.0.0.1 for who is to listen there later,
// or for nobody. Between the end of a listener and the next use of its address
// any other program could get the port, and with it a stranger's requests.
package loopback

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// Hold takes a free port. Who connects to it is refused until somebody listens
// on the socket, which is a file that can be handed to another process. The
// port is free again when all who have the file closed it.
func Hold() (socket *os.File, address string, err error) {
	syscall.ForkLock.RLock() // no child is started before the descriptor is marked
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, "", fmt.Errorf("make a socket: %w", err)
	}
	socket = os.NewFile(uintptr(fd), "socket") // #nosec G115 -- a descriptor is not negative
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, "", errors.Join(fmt.Errorf("take a free port of 127.0.0.1: %w", err), socket.Close())
	}
	name, err := syscall.Getsockname(fd)
	taken, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		return nil, "", errors.Join(fmt.Errorf("ask which port was taken: %w", err), socket.Close())
	}
	return socket, "127.0.0.1:" + strconv.Itoa(taken.Port), nil
}
