package main

import (
	"fmt"
	"strings"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func (s subject) x509Checks() []check {
	return []check{
		{"x509: first identity arrives", s.firstIdentity},
		{"x509: context verifies against its own bundle", s.x509Context},
		{"x509: chain is refused by a foreign root", s.foreignRoot},
		{"x509: bundles", s.x509Bundles},
		{"x509: every SVID, first entry first, each hint once", s.x509SVIDs},
		{"x509: context has the bundle of a federated domain", s.x509Federated},
	}
}

// firstIdentity waits as an application does that starts together with its agent.
func (s subject) firstIdentity() (string, error) {
	source, err := workloadapi.NewX509Source(s.ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return "", err
	}
	defer source.Close()
	svid, err := source.GetX509SVID()
	if err != nil {
		return "", err
	}
	return svid.ID.String(), expect("SPIFFE ID", svid.ID, s.id)
}

func (s subject) x509Context() (string, error) {
	fetched, err := s.client.FetchX509Context(s.ctx)
	if err != nil {
		return "", err
	}
	svid := fetched.DefaultSVID()
	id, chains, err := x509svid.Verify(svid.Certificates, fetched.Bundles)
	if err != nil {
		return "", err
	}
	if err := expect("SPIFFE ID", id, s.id); err != nil {
		return "", err
	}
	leaf := svid.Certificates[0]
	return fmt.Sprintf("%s serial %s, %d chain(s), until %s", id, leaf.SerialNumber, len(chains), leaf.NotAfter.UTC()), nil
}

// foreignRoot proves that the verification above can fail: same trust domain, no root of ours.
func (s subject) foreignRoot() (string, error) {
	svid, err := s.client.FetchX509SVID(s.ctx)
	if err != nil {
		return "", err
	}
	_, _, err = x509svid.Verify(svid.Certificates, x509bundle.New(s.id.TrustDomain()))
	return refused("unknown authority", err)
}

func (s subject) x509Bundles() (string, error) {
	bundles, err := s.client.FetchX509Bundles(s.ctx)
	if err != nil {
		return "", err
	}
	own, err := bundles.GetX509BundleForTrustDomain(s.id.TrustDomain())
	if err != nil {
		return "", err
	}
	svid, err := s.client.FetchX509SVID(s.ctx)
	if err != nil {
		return "", err
	}
	if _, _, err := x509svid.Verify(svid.Certificates, bundles); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bundle(s), %d root(s) of %s", bundles.Len(), len(own.X509Authorities()), own.TrustDomain()), nil
}

func (s subject) x509SVIDs() (string, error) {
	svids, err := s.client.FetchX509SVIDs(s.ctx)
	if err != nil {
		return "", err
	}
	var seen []string
	for _, svid := range svids {
		seen = append(seen, fmt.Sprintf("%s %q", svid.ID, svid.Hint))
	}
	return strings.Join(seen, ", "), expect("SVIDs", strings.Join(seen, ", "), fmt.Sprintf(`%s "", %s %q`, s.id, s.secondID, secondHint))
}

func (s subject) x509Federated() (string, error) {
	fetched, err := s.client.FetchX509Context(s.ctx)
	if err != nil {
		return "", err
	}
	return s.partnerRoots(fetched.Bundles)
}
