// Command go-spiffe-interop is a foreign client of the Workload API: all it knows is go-spiffe, which others wrote for
// other servers. It prints one JSON line per check and exits 1 when one failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
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
	bundle  bundleEndpoint
}

func main() {
	id := flag.String("id", "", "SPIFFE ID this program is registered as")
	unregistered := flag.Bool("unregistered", false, "expect that this program has no identity")
	bundleURL := flag.String("bundle-url", "", "URL of the trust domain's bundle endpoint")
	bundleRoot := flag.String("bundle-root", "", "PEM file of the root that the bundle endpoint's certificate leads to")
	spiffeBundleURL := flag.String("spiffe-bundle-url", "", "URL of the same bundle by profile https_spiffe")
	patience := flag.Duration("patience", time.Minute, "how long all checks together may take")
	flag.Parse()

	passed, err := run(*id, *unregistered, bundleEndpoint{url: *bundleURL, rootFile: *bundleRoot, spiffeURL: *spiffeBundleURL}, *patience)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !passed {
		os.Exit(1)
	}
}

func run(id string, unregistered bool, bundle bundleEndpoint, patience time.Duration) (bool, error) {
	parsed, err := spiffeid.FromString(id)
	if err != nil {
		return false, fmt.Errorf("-id: %w", err)
	}
	otherID, err := spiffeid.FromPath(parsed.TrustDomain(), "/not/this/program")
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := workloadapi.New(ctx)
	if err != nil {
		return false, fmt.Errorf("workload API client: %w", err)
	}
	defer client.Close()

	s := subject{ctx: ctx, client: client, id: parsed, otherID: otherID, bundle: bundle}
	if unregistered {
		return report(os.Stdout, s.deniedChecks()), nil
	}
	var checks []check
	checks = append(checks, s.x509Checks()...)
	checks = append(checks, s.jwtChecks()...)
	checks = append(checks, s.witChecks()...)
	checks = append(checks, s.mtlsChecks()...)
	checks = append(checks, s.endpointChecks()...)
	checks = append(checks, s.bundleEndpointChecks()...)
	checks = append(checks, s.rotationChecks()...)
	return report(os.Stdout, checks), nil
}
