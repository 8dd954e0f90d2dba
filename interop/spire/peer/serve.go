package main

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

const (
	requestTimeout = 10 * time.Second
	maxTokenBytes  = 16 * 1024
)

// seen is the service's answer: who asked, by certificate and by token.
type seen struct {
	TLS string `json:"tls"`
	JWT string `json:"jwt"`
}

// serve answers until it is stopped. The first line names the port.
func (w workload) serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:     http.HandlerFunc(w.answer),
		TLSConfig:   tlsconfig.MTLSServerConfig(w.source, w.source, tlsconfig.AuthorizeID(w.peerID)),
		ReadTimeout: requestTimeout,
		ErrorLog:    log.New(os.Stderr, "", 0),
	}
	if err := line(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port}); err != nil {
		return err
	}
	return server.ServeTLS(listener, "", "")
}

// answer asks its own agent about the token in the body: that agent, not this program, must know the other domain.
func (w workload) answer(response http.ResponseWriter, request *http.Request) {
	caller, err := x509svid.IDFromCert(request.TLS.PeerCertificates[0])
	if err != nil {
		http.Error(response, err.Error(), http.StatusForbidden)
		return
	}
	token, err := io.ReadAll(http.MaxBytesReader(response, request.Body, maxTokenBytes))
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	own, err := w.source.GetX509SVID()
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	validated, err := w.client.ValidateJWTSVID(request.Context(), string(token), own.ID.String())
	if err != nil {
		http.Error(response, oneLine(err), http.StatusUnauthorized)
		return
	}
	response.Header().Set("content-type", "application/json")
	_ = json.NewEncoder(response).Encode(seen{TLS: caller.String(), JWT: validated.ID.String()})
}
