// Command broker-interop is a foreign broker: all it knows are the stubs and the TLS of go-spiffe, which others wrote for
// other agents. It prints one JSON line per check and exits 1 when one failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/spiffe/go-spiffe/v2/exp/proto/spiffe/broker"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type settings struct {
	address    string
	agentID    string
	workloadID string
	workload   string
	stranger   bool
	patience   time.Duration
}

// subject is what every check works on.
type subject struct {
	ctx    context.Context
	source *workloadapi.X509Source
	client broker.APIClient
	// address of the endpoint, as gRPC writes it.
	address string
	// agentID is whom the endpoint must prove.
	agentID spiffeid.ID
	// workload is a process with the identity workloadID, which the broker may have.
	workload   *exec.Cmd
	workloadID spiffeid.ID
}

func main() {
	var s settings
	idle := flag.Bool("idle", false, "do nothing until killed: to be a workload")
	flag.StringVar(&s.address, "address", "", "broker endpoint, as gRPC writes it")
	flag.StringVar(&s.agentID, "agent-id", "", "SPIFFE ID of the agent")
	flag.StringVar(&s.workloadID, "workload-id", "", "SPIFFE ID of the workload")
	flag.StringVar(&s.workload, "workload", "", "program that is the workload, with -idle")
	flag.BoolVar(&s.stranger, "stranger", false, "expect that this program is no broker")
	flag.DurationVar(&s.patience, "patience", time.Minute, "how long all checks together may take")
	flag.Parse()
	if *idle {
		time.Sleep(10 * time.Minute)
		return
	}
	passed, err := run(s)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !passed {
		os.Exit(1)
	}
}

func run(s settings) (bool, error) {
	agentID, err := spiffeid.FromString(s.agentID)
	if err != nil {
		return false, fmt.Errorf("-agent-id: %w", err)
	}
	workloadID, err := spiffeid.FromString(s.workloadID)
	if err != nil {
		return false, fmt.Errorf("-workload-id: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return false, fmt.Errorf("own identity: %w", err)
	}
	defer source.Close()
	connection, err := dial(s.address, source, agentID)
	if err != nil {
		return false, err
	}
	defer connection.Close()
	workload := exec.CommandContext(ctx, s.workload, "-idle")
	if err := workload.Start(); err != nil {
		return false, fmt.Errorf("workload: %w", err)
	}
	defer workload.Process.Kill()

	checks := subject{ctx, source, broker.NewAPIClient(connection), s.address, agentID, workload, workloadID}
	if s.stranger {
		return report(os.Stdout, checks.strangerChecks()), nil
	}
	all := append(checks.answerChecks(), checks.refusalChecks()...)
	return report(os.Stdout, append(all, checks.endChecks()...)), nil
}
