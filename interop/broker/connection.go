package main

import (
	"context"
	"crypto/tls"

	"github.com/spiffe/go-spiffe/v2/exp/proto/spiffe/broker"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

func dial(address string, source *workloadapi.X509Source, agentID spiffeid.ID) (*grpc.ClientConn, error) {
	return dialWith(address, tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(agentID)))
}

func dialWith(address string, config *tls.Config) (*grpc.ClientConn, error) {
	return grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
}

// asBroker adds what every call must carry.
func (s subject) asBroker() context.Context {
	return metadata.AppendToOutgoingContext(s.ctx, "broker.spiffe.io", "true")
}

func (s subject) pid() int32 {
	return int32(s.workload.Process.Pid)
}

func pidReference(pid int32) *broker.WorkloadReference {
	return reference(&broker.WorkloadPIDReference{Pid: pid})
}

func reference(message proto.Message) *broker.WorkloadReference {
	packed, err := anypb.New(message)
	if err != nil {
		panic(err)
	}
	return &broker.WorkloadReference{Reference: packed}
}
