// Command go-spiffe-interop is a foreign client of the Workload API: all it knows is go-spiffe, which others wrote for
// other servers. It prints one JSON line per check and exits 1 when one failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// subject is what every check works on.
type subject struct {
	ctx    context.Context
	client *workloadapi.Client
	// id is the identity this program is registered as.
	id spiffeid.ID
	// otherID is an identity of the same trust domain that is not this program's.
	otherID spiffeid.ID
	// secondID is a further identity of this program, with secondHint.
	secondID spiffeid.ID
	// partner is federated with, stranger is not.
	partner, stranger spiffeid.TrustDomain
	bundle            bundleEndpoint
	peer              ourPeer
}

const secondHint = "second"

func main() {
	id := flag.String("id", "", "SPIFFE ID this program is registered as; a second one ends in /second")
	unregistered := flag.Bool("unregistered", false, "expect that this program has no identity")
	latecomer := flag.String("latecomer", "", "expect that it gets one when it has made this file")
	partner := flag.String("partner", "partner.example", "trust domain that is federated with")
	bundleURL := flag.String("bundle-url", "", "URL of the trust domain's bundle endpoint")
	bundleRoot := flag.String("bundle-root", "", "PEM file of the root that the bundle endpoint's certificate leads to")
	spiffeBundleURL := flag.String("spiffe-bundle-url", "", "URL of the same bundle by profile https_spiffe")
	peerID := flag.String("peer-id", "", "SPIFFE ID of the service to speak mutual TLS with")
	openPort := flag.Int("peer-open", 0, "its port for this program")
	closedPort := flag.Int("peer-closed", 0, "its port for others")
	patience := flag.Duration("patience", 2*time.Minute, "how long all checks together may take")
	flag.Parse()

	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	s, err := newSubject(ctx, *id, *partner)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	s.bundle = bundleEndpoint{url: *bundleURL, rootFile: *bundleRoot, spiffeURL: *spiffeBundleURL}
	checks := s.deniedChecks
	switch {
	case *latecomer != "":
		checks = func() []check { return s.latecomerChecks(*latecomer) }
	case !*unregistered:
		s.peer = ourPeer{id: spiffeid.RequireFromString(*peerID), openPort: *openPort, closedPort: *closedPort}
		checks = s.registeredChecks
	}
	passed := report(os.Stdout, checks())
	s.client.Close()
	if !passed {
		os.Exit(1)
	}
}

func newSubject(ctx context.Context, id, partner string) (subject, error) {
	parsed, err := spiffeid.FromString(id)
	if err != nil {
		return subject{}, fmt.Errorf("-id: %w", err)
	}
	partnerDomain, err := spiffeid.TrustDomainFromString(partner)
	if err != nil {
		return subject{}, fmt.Errorf("-partner: %w", err)
	}
	client, err := workloadapi.New(ctx)
	if err != nil {
		return subject{}, fmt.Errorf("workload API client: %w", err)
	}
	return subject{
		ctx:      ctx,
		client:   client,
		id:       parsed,
		otherID:  spiffeid.RequireFromPath(parsed.TrustDomain(), "/not/this/program"),
		secondID: spiffeid.RequireFromPath(parsed.TrustDomain(), parsed.Path()+"/second"),
		partner:  partnerDomain,
		stranger: spiffeid.RequireTrustDomainFromString("stranger.example"),
	}, nil
}

func (s subject) registeredChecks() []check {
	return slices.Concat(
		s.x509Checks(),
		s.jwtChecks(),
		s.witChecks(),
		s.watchChecks(),
		s.sourceChecks(),
		s.mtlsChecks(),
		s.spiffeTLSChecks(),
		s.peerChecks(),
		s.endpointChecks(),
		s.bundleEndpointChecks(),
		s.rotationChecks(),
	)
}
