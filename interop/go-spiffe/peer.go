package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// ourPeer is a service of the other implementation, which this program speaks mutual TLS with.
type ourPeer struct {
	id spiffeid.ID
	// openPort lets this program in, closedPort only others.
	openPort, closedPort int
}

func (s subject) peerChecks() []check {
	return []check{
		{"peer: its server knows us by our SVID", func() (string, error) {
			status, body, err := s.askPeer(s.peer.id, s.peer.openPort, "/")
			if err != nil {
				return "", err
			}
			return body, expect("answer", fmt.Sprintf("%d %s", status, body), fmt.Sprintf("200 %s", s.id))
		}},
		{"peer: its policy refuses us where only others may call", func() (string, error) {
			status, body, err := s.askPeer(s.peer.id, s.peer.closedPort, "/")
			if err != nil {
				return "", err
			}
			return body, expect("status", status, http.StatusForbidden)
		}},
		{"peer: we refuse it as another identity", func() (string, error) {
			_, _, err := s.askPeer(s.otherID, s.peer.openPort, "/")
			return refused("unexpected ID", err)
		}},
		{"peer: it calls our server by mutual TLS", func() (string, error) {
			return s.calledByPeer(s.id, "hello "+s.peer.id.String())
		}},
		{"peer: it refuses our server as another identity", func() (string, error) {
			return s.calledByPeer(s.otherID, "ERR_CERTIFICATE_UNEXPECTED_PEER")
		}},
	}
}

func (s subject) askPeer(expected spiffeid.ID, port int, path string) (int, string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, handshakePatience)
	defer cancel()
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return 0, "", err
	}
	defer source.Close()
	transport := &http.Transport{
		TLSClientConfig: tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(expected)),
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d%s", port, path), nil)
	if err != nil {
		return 0, "", err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	return response.StatusCode, string(body), err
}

// calledByPeer asks the peer to call a server of this program, and returns what the peer says came of it.
func (s subject) calledByPeer(expected spiffeid.ID, want string) (string, error) {
	source, err := workloadapi.NewX509Source(s.ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return "", err
	}
	defer source.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{
		TLSConfig: tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeID(s.peer.id)),
		Handler: http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
			fmt.Fprintf(response, "hello %s", request.TLS.PeerCertificates[0].URIs[0])
		}),
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	defer server.Close()

	query := url.Values{
		"port": {fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)},
		"peer": {expected.String()},
	}
	_, body, err := s.askPeer(s.peer.id, s.peer.openPort, "/call?"+query.Encode())
	if err != nil {
		return "", err
	}
	return body, expect("answer", body, want)
}
