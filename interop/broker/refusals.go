package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spiffe/go-spiffe/v2/exp/proto/spiffe/broker"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func (s subject) refusalChecks() []check {
	invalid := func(name string, reference *broker.WorkloadReference) check {
		return check{"reference that is " + name + " is invalid", func() (string, error) {
			return refusedFor(codes.InvalidArgument, "WORKLOAD_REFERENCE_INVALID", s.fetchJWT(reference))
		}}
	}
	return []check{
		invalid("missing", nil),
		invalid("empty", &broker.WorkloadReference{}),
		invalid("pid 0", pidReference(0)),
		invalid("a negative pid", pidReference(-4)),
		invalid("of an unknown type", reference(wrapperspb.String("4711"))),
		invalid("to a Kubernetes object", reference(&broker.KubernetesObjectReference{
			Type: &broker.KubernetesObjectType{Plural: "pods", Group: "core"},
			Uid:  "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
		})),
		{"pid of no process is not found", func() (string, error) {
			return notFound(s.fetchJWT(pidReference(1 << 30)))
		}},
		{"identity that is not the broker's to have is not given: its own", func() (string, error) {
			err := s.fetchJWT(pidReference(int32(os.Getpid())))
			return refusedFor(codes.PermissionDenied, "WORKLOAD_NOT_ENTITLED", err)
		}},
		{"missing audience is refused", func() (string, error) {
			_, err := s.client.FetchJWTSVID(s.asBroker(), &broker.FetchJWTSVIDRequest{Reference: pidReference(s.pid())})
			return refusedFor(codes.InvalidArgument, "", err)
		}},
		{"call without the security header is refused", func() (string, error) {
			_, err := s.client.FetchJWTSVID(s.ctx, &broker.FetchJWTSVIDRequest{Reference: pidReference(s.pid())})
			return refusedFor(codes.InvalidArgument, "", err)
		}},
		{"client without a certificate is refused", s.withoutCertificate},
		{"agent under another name is refused by go-spiffe", s.otherAgent},
		{"reflection names the service", s.reflection},
	}
}

func (s subject) strangerChecks() []check {
	return []check{{"workload that is no broker is refused", func() (string, error) {
		return refusedFor(codes.PermissionDenied, "", s.fetchJWT(pidReference(s.pid())))
	}}}
}

func (s subject) fetchJWT(reference *broker.WorkloadReference) error {
	request := &broker.FetchJWTSVIDRequest{Reference: reference, Audience: []string{audience}}
	_, err := s.client.FetchJWTSVID(s.asBroker(), request)
	return err
}

func (s subject) withoutCertificate() (string, error) {
	return s.refusedConnection(tlsconfig.TLSClientConfig(s.source, tlsconfig.AuthorizeID(s.agentID)))
}

func (s subject) otherAgent() (string, error) {
	other, err := spiffeid.FromPath(s.agentID.TrustDomain(), "/countersign/agent/other")
	if err != nil {
		return "", err
	}
	return s.refusedConnection(tlsconfig.MTLSClientConfig(s.source, s.source, tlsconfig.AuthorizeID(other)))
}

func (s subject) refusedConnection(config *tls.Config) (string, error) {
	connection, err := dialWith(s.address, config)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	request := &broker.FetchJWTSVIDRequest{Reference: pidReference(s.pid()), Audience: []string{audience}}
	_, err = broker.NewAPIClient(connection).FetchJWTSVID(s.asBroker(), request)
	return refusedFor(codes.Unavailable, "", err)
}

func (s subject) reflection() (string, error) {
	connection, err := dial(s.address, s.source, s.agentID)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	stream, err := reflection.NewServerReflectionClient(connection).ServerReflectionInfo(s.asBroker(), grpc.WaitForReady(true))
	if err != nil {
		return "", err
	}
	list := &reflection.ServerReflectionRequest_ListServices{}
	if err := stream.Send(&reflection.ServerReflectionRequest{MessageRequest: list}); err != nil {
		return "", err
	}
	answer, err := stream.Recv()
	if err != nil {
		return "", err
	}
	var names []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		names = append(names, service.Name)
	}
	all := strings.Join(names, ", ")
	if !strings.Contains(all, "spiffe.broker.API") {
		return "", fmt.Errorf("not among %s", all)
	}
	return all, nil
}

func notFound(err error) (string, error) {
	return refusedFor(codes.NotFound, "WORKLOAD_NOT_FOUND", err)
}

// refusedFor is the outcome of a call that must end with one status and, unless it is empty, one reason.
func refusedFor(want codes.Code, reason string, err error) (string, error) {
	if err == nil {
		return "", errors.New("was accepted")
	}
	found := status.Convert(err)
	if err := expect("status", found.Code(), want); err != nil {
		return "", err
	}
	got := ""
	for _, detail := range found.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == "spiffe.io" {
			got = info.Reason
		}
	}
	text := strings.ReplaceAll(found.Message(), "\n", "; ")
	return fmt.Sprintf("%s %s: %s", found.Code(), got, text), expect("reason", got, reason)
}

// oneLine is the text of an error: joined errors stand on lines of their own.
func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}
