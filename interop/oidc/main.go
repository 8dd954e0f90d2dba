// Command oidc-interop is a workload that fetches its JWT-SVIDs with go-spiffe, and the relying party they are shown to:
// all that one knows is go-oidc, the address of the issuer and the root of its TLS certificate. It prints one JSON line
// per check and exits 1 when one failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	var p parties
	flag.StringVar(&p.issuer, "issuer", "", "issuer to discover")
	flag.StringVar(&p.rootFile, "root", "", "PEM file of the root that the issuer's certificate leads to")
	flag.StringVar(&p.subject, "subject", "", "SPIFFE ID this program is registered as")
	flag.StringVar(&p.socket, "socket", "", "Workload API of the issuer's trust domain")
	flag.StringVar(&p.otherIssuer, "other-issuer", "", "another issuer, which is discovered apart from the first")
	flag.StringVar(&p.otherRootFile, "other-root", "", "PEM file of the root that the other issuer's certificate leads to")
	flag.StringVar(&p.otherSocket, "other-socket", "", "Workload API of the other issuer's trust domain")
	patience := flag.Duration("patience", 2*time.Minute, "how long all checks together may take")
	flag.Parse()

	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	p.ctx = ctx
	if err := p.open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer p.close()
	checks := append(p.discoveryChecks(), p.tokenChecks()...)
	if !report(os.Stdout, append(checks, check{"rotation: seen in time, by discovery only", p.rotation})) {
		os.Exit(1)
	}
}
