package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
)

func (s subject) spiffeTLSChecks() []check {
	checks := []check{
		{"spiffetls: dial and listen, each by a source of its own", func() (string, error) {
			return s.connect(spiffetls.MTLSServer(tlsconfig.AuthorizeID(s.id)), spiffetls.MTLSClient(tlsconfig.AuthorizeID(s.id)))
		}},
		{"spiffetls: a server alone shows an SVID", func() (string, error) {
			return s.connect(spiffetls.TLSServer(), spiffetls.TLSClient(tlsconfig.AuthorizeID(s.id)))
		}},
		{"spiffetls: dial refuses a server that is another identity", func() (string, error) {
			_, err := s.connect(spiffetls.TLSServer(), spiffetls.TLSClient(tlsconfig.AuthorizeID(s.otherID)))
			return refused("unexpected ID", err)
		}},
		{"spiffetls: listen refuses a client without an SVID", func() (string, error) {
			_, err := s.connect(spiffetls.MTLSServer(tlsconfig.AuthorizeAny()), spiffetls.TLSClient(tlsconfig.AuthorizeAny()))
			return refused("certificate", err)
		}},
	}
	for _, each := range []struct {
		name            string
		accepts, denies tlsconfig.Authorizer
	}{
		{"AuthorizeID", tlsconfig.AuthorizeID(s.id), tlsconfig.AuthorizeID(s.otherID)},
		{"AuthorizeIDPrefix", tlsconfig.AuthorizeIDPrefix(s.id), tlsconfig.AuthorizeIDPrefix(s.otherID)},
		{"AuthorizeOneOf", tlsconfig.AuthorizeOneOf(s.otherID, s.id), tlsconfig.AuthorizeOneOf(s.otherID)},
		{"AuthorizeMemberOf", tlsconfig.AuthorizeMemberOf(s.id.TrustDomain()), tlsconfig.AuthorizeMemberOf(s.partner)},
		{"AdaptMatcher", tlsconfig.AdaptMatcher(spiffeid.MatchAny()), tlsconfig.AdaptMatcher(spiffeid.MatchID(s.otherID))},
	} {
		checks = append(checks, check{"tlsconfig: " + each.name + " accepts ours and denies others", func() (string, error) {
			answer, err := s.connect(spiffetls.MTLSServer(each.accepts), spiffetls.MTLSClient(each.accepts))
			if err != nil {
				return "", err
			}
			_, err = s.connect(spiffetls.MTLSServer(each.denies), spiffetls.MTLSClient(each.accepts))
			if err == nil {
				return "", errors.New("others were accepted")
			}
			return answer, nil
		}})
	}
	return checks
}

// connect opens one connection and returns whom each side saw. Both must end well.
func (s subject) connect(server spiffetls.ListenMode, client spiffetls.DialMode) (string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, handshakePatience)
	defer cancel()
	listener, err := spiffetls.ListenWithMode(ctx, "tcp", "127.0.0.1:0", server)
	if err != nil {
		return "", err
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() { served <- serveOne(listener) }()
	connection, err := spiffetls.DialWithMode(ctx, "tcp", listener.Addr().String(), client)
	if err != nil {
		return "", errors.Join(err, <-served)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(handshakePatience)); err != nil {
		return "", err
	}
	peer, err := spiffetls.PeerIDFromConn(connection)
	if err != nil {
		return "", err
	}
	received := make([]byte, len(echoed))
	_, readErr := io.ReadFull(connection, received)
	if err := errors.Join(readErr, <-served); err != nil {
		return "", err
	}
	return fmt.Sprintf("client saw %s", peer), nil
}

// serveOne takes one connection, and says something only to a client it has let in.
func serveOne(listener net.Listener) error {
	connection, err := listener.Accept()
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(handshakePatience)); err != nil {
		return err
	}
	_, err = io.WriteString(connection, echoed)
	return err
}
