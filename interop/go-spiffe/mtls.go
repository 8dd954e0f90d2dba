package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

const handshakePatience = 10 * time.Second

func (s subject) mtlsChecks() []check {
	return []check{
		{"mtls: echo between two peers with the fetched SVID", s.mtlsEcho},
		{"mtls: client refuses a server that is another identity", s.mtlsWrongServer},
		{"mtls: server refuses a client that is another identity", s.mtlsWrongClient},
	}
}

func (s subject) mtlsEcho() (string, error) {
	answer, err := s.echo(s.id, s.id)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("echoed %q over TLS", answer), expect("echo", answer, echoed)
}

func (s subject) mtlsWrongServer() (string, error) {
	_, err := s.echo(s.otherID, s.id)
	return refused("unexpected ID", err)
}

func (s subject) mtlsWrongClient() (string, error) {
	_, err := s.echo(s.id, s.otherID)
	return refused("unexpected ID", err)
}

const echoed = "who goes there"

// echo connects a client to a server, both with this program's SVID, and returns what came back.
func (s subject) echo(expectedServer, expectedClient spiffeid.ID) (string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, handshakePatience)
	defer cancel()
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return "", err
	}
	defer source.Close()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		served <- serveEcho(listener, tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeID(expectedClient)))
	}()

	dialer := tls.Dialer{Config: tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(expectedServer))}
	answer, clientErr := askEcho(ctx, dialer, listener.Addr().String())
	listener.Close()
	// In TLS 1.3 a client may have finished its handshake before the server refuses it: both sides must agree.
	return answer, errors.Join(<-served, clientErr)
}

func serveEcho(listener net.Listener, config *tls.Config) error {
	plain, err := listener.Accept()
	if err != nil {
		return err
	}
	connection := tls.Server(plain, config)
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(handshakePatience)); err != nil {
		return err
	}
	received := make([]byte, len(echoed))
	if _, err := io.ReadFull(connection, received); err != nil {
		return err
	}
	_, err = connection.Write(received)
	return err
}

func askEcho(ctx context.Context, dialer tls.Dialer, address string) (string, error) {
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(handshakePatience)); err != nil {
		return "", err
	}
	if _, err := connection.Write([]byte(echoed)); err != nil {
		return "", err
	}
	answer := make([]byte, len(echoed))
	_, err = io.ReadFull(connection, answer)
	return string(answer), err
}
