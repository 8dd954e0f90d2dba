package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/federation"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// bundleEndpoint is where other trust domains fetch this one's bundle, by either profile.
type bundleEndpoint struct {
	url      string
	rootFile string
	// spiffeURL is served under the X509-SVID of the server.
	spiffeURL string
}

func (s subject) bundleEndpointChecks() []check {
	return []check{
		{"federation: bundle of the endpoint verifies the SVID", s.fetchBundle},
		{"federation: endpoint is refused without its root", s.fetchBundleWithoutRoot},
		{"federation: https_spiffe endpoint is believed by its SPIFFE ID", s.fetchBundleBySPIFFE},
		{"federation: https_spiffe endpoint is refused under another SPIFFE ID", s.fetchBundleByOtherSPIFFEID},
	}
}

func (s subject) fetchBundle() (string, error) {
	pem, err := os.ReadFile(s.bundle.rootFile)
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return "", errors.New("root file holds no certificate")
	}
	bundle, err := federation.FetchBundle(s.ctx, s.id.TrustDomain(), s.bundle.url, federation.WithWebPKIRoots(roots))
	if err != nil {
		return "", err
	}
	svid, err := s.client.FetchX509SVID(s.ctx)
	if err != nil {
		return "", err
	}
	if _, _, err := x509svid.Verify(svid.Certificates, bundle); err != nil {
		return "", err
	}
	if len(bundle.JWTAuthorities()) == 0 {
		return "", errors.New("bundle has no JWT authority")
	}
	sequence, ok := bundle.SequenceNumber()
	if !ok {
		return "", errors.New("bundle has no sequence number")
	}
	hint, ok := bundle.RefreshHint()
	if !ok {
		return "", errors.New("bundle has no refresh hint")
	}
	return fmt.Sprintf("sequence %d, refresh every %s", sequence, hint), nil
}

func (s subject) fetchBundleWithoutRoot() (string, error) {
	nobody := federation.WithWebPKIRoots(x509.NewCertPool())
	_, err := federation.FetchBundle(s.ctx, s.id.TrustDomain(), s.bundle.url, nobody)
	return refused("unknown authority", err)
}

func (s subject) fetchBundleBySPIFFE() (string, error) {
	bundle, err := s.fetchAs("/countersign/server")
	if err != nil {
		return "", err
	}
	svid, err := s.client.FetchX509SVID(s.ctx)
	if err != nil {
		return "", err
	}
	if _, _, err := x509svid.Verify(svid.Certificates, bundle); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d X.509 authorities", len(bundle.X509Authorities())), nil
}

func (s subject) fetchBundleByOtherSPIFFEID() (string, error) {
	_, err := s.fetchAs("/somebody/else")
	return refused("unexpected ID", err)
}

// fetchAs fetches from the https_spiffe endpoint, which must be the workload of this path.
func (s subject) fetchAs(path string) (*spiffebundle.Bundle, error) {
	endpointID, err := spiffeid.FromPath(s.id.TrustDomain(), path)
	if err != nil {
		return nil, err
	}
	known, err := s.client.FetchX509Bundles(s.ctx)
	if err != nil {
		return nil, err
	}
	return federation.FetchBundle(s.ctx, s.id.TrustDomain(), s.bundle.spiffeURL, federation.WithSPIFFEAuth(known, endpointID))
}
