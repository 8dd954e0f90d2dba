package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

const maxDocumentBytes = 1 << 20

// parties are the workload, which has the sockets, and the relying party, which has the issuer and a root.
type parties struct {
	ctx           context.Context
	issuer        string
	rootFile      string
	subject       string
	socket        string
	otherIssuer   string
	otherRootFile string
	otherSocket   string

	workload      *workloadapi.Client
	stranger      *workloadapi.Client
	web           *http.Client
	provider      *oidc.Provider
	otherProvider *oidc.Provider
}

func (p *parties) open() (err error) {
	if p.workload, err = workloadapi.New(p.ctx, workloadapi.WithAddr(p.socket)); err != nil {
		return err
	}
	if p.stranger, err = workloadapi.New(p.ctx, workloadapi.WithAddr(p.otherSocket)); err != nil {
		return err
	}
	if p.web, err = webClient(p.rootFile); err != nil {
		return err
	}
	if p.provider, err = discover(p.ctx, p.web, p.issuer); err != nil {
		return err
	}
	otherWeb, err := webClient(p.otherRootFile)
	if err != nil {
		return err
	}
	p.otherProvider, err = discover(p.ctx, otherWeb, p.otherIssuer)
	return err
}

// webClient trusts one root only.
func webClient(rootFile string) (*http.Client, error) {
	pem, err := os.ReadFile(rootFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("root file holds no certificate")
	}
	return &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		Timeout:   10 * time.Second,
	}, nil
}

func (p *parties) close() {
	p.workload.Close()
	p.stranger.Close()
}

func discover(ctx context.Context, web *http.Client, issuer string) (*oidc.Provider, error) {
	return oidc.NewProvider(oidc.ClientContext(ctx, web), issuer)
}

func (p *parties) verify(audience, token string) (*oidc.IDToken, error) {
	return p.provider.Verifier(&oidc.Config{ClientID: audience}).Verify(p.ctx, token)
}

func fetch(ctx context.Context, client *workloadapi.Client, audience string) (string, error) {
	svid, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: audience})
	if err != nil {
		return "", fmt.Errorf("no JWT-SVID: %w", err)
	}
	return svid.Marshal(), nil
}

// get reads a JSON document as a relying party would; with a host name of the caller's choice if one is given.
func (p *parties) get(url, forgedHost string, document any) error {
	request, err := http.NewRequestWithContext(p.ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if forgedHost != "" {
		request.Host = forgedHost
		request.Header.Set("X-Forwarded-Host", forgedHost)
	}
	response, err := p.web.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return json.NewDecoder(io.LimitReader(response.Body, maxDocumentBytes)).Decode(document)
}
