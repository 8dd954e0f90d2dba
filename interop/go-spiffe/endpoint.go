package main

import (
	"context"
	"errors"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// endpointChecks speak plain gRPC: they are about what go-spiffe never gets wrong.
func (s subject) endpointChecks() []check {
	return []check{
		{"endpoint: call without the security header is refused", s.withoutHeader},
		{"endpoint: security header with another value is refused", s.wrongHeader},
		{"endpoint: security header sent twice is refused", s.repeatedHeader},
		{"endpoint: health says serving", s.health},
	}
}

func (s subject) withoutHeader() (string, error) {
	return s.fetchWithHeader()
}

func (s subject) wrongHeader() (string, error) {
	return s.fetchWithHeader("True")
}

func (s subject) repeatedHeader() (string, error) {
	return s.fetchWithHeader("true", "true")
}

func (s subject) fetchWithHeader(values ...string) (string, error) {
	connection, err := dial()
	if err != nil {
		return "", err
	}
	defer connection.Close()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	for _, value := range values {
		ctx = metadata.AppendToOutgoingContext(ctx, "workload.spiffe.io", value)
	}
	stream, err := workload.NewSpiffeWorkloadAPIClient(connection).FetchX509SVID(ctx, &workload.X509SVIDRequest{})
	if err != nil {
		return "", err
	}
	_, err = stream.Recv()
	return refusedWith(codes.InvalidArgument, err)
}

func (s subject) health() (string, error) {
	connection, err := dial()
	if err != nil {
		return "", err
	}
	defer connection.Close()
	answer, err := grpc_health_v1.NewHealthClient(connection).Check(s.ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return "", err
	}
	return answer.Status.String(), expect("status", answer.Status, grpc_health_v1.HealthCheckResponse_SERVING)
}

func dial() (*grpc.ClientConn, error) {
	address, ok := workloadapi.GetDefaultAddress()
	if !ok {
		return nil, errors.New(workloadapi.SocketEnv + " is not set")
	}
	target, err := workloadapi.TargetFromAddress(address)
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
}
