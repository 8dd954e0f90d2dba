// Command peer is a workload that knows nothing but go-spiffe: a service behind mutual TLS, or a caller of one. What it
// sees it prints as one JSON line each.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

const identityPatience = 30 * time.Second

// workload is this program as others see it, kept current by the agent.
type workload struct {
	client *workloadapi.Client
	source *workloadapi.X509Source
	// peerID is the only identity at the other end that will do.
	peerID spiffeid.ID
}

func main() {
	peer := flag.String("peer", "", "SPIFFE ID that the other end must have")
	to := flag.String("to", "", "host and port of the service to ask; without it this program is the service")
	count := flag.Int("count", 1, "how often to ask; 0 asks until it is stopped")
	everyMs := flag.Int("every-ms", 1000, "milliseconds from one question to the next")
	flag.Parse()

	every := time.Duration(*everyMs) * time.Millisecond
	if err := run(context.Background(), *peer, *to, *count, every); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(ctx context.Context, peer, to string, count int, every time.Duration) error {
	peerID, err := spiffeid.FromString(peer)
	if err != nil {
		return fmt.Errorf("-peer: %w", err)
	}
	client, err := workloadapi.New(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	waiting, cancel := context.WithTimeout(ctx, identityPatience)
	defer cancel()
	source, err := workloadapi.NewX509Source(waiting, workloadapi.WithClient(client))
	if err != nil {
		return errors.Join(errors.New("no identity came in time"), err)
	}
	defer source.Close()

	self := workload{client: client, source: source, peerID: peerID}
	if to == "" {
		return self.serve()
	}
	return self.ask(ctx, to, count, every)
}

// line prints one JSON object at once: whoever reads it waits for it.
func line(value any) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}
