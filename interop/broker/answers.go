package main

import (
	"errors"
	"fmt"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/exp/proto/spiffe/broker"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

const audience = "spiffe://interop.example/orders"

func (s subject) answerChecks() []check {
	return []check{
		{"X509-SVID of the workload verifies against fetched bundles", s.x509SVID},
		{"JWT-SVID of the workload validates against fetched bundles", s.jwtSVID},
	}
}

func (s subject) x509SVID() (string, error) {
	stream, err := s.client.SubscribeToX509SVID(s.asBroker(), &broker.SubscribeToX509SVIDRequest{Reference: pidReference(s.pid())})
	if err != nil {
		return "", err
	}
	response, err := stream.Recv()
	if err != nil {
		return "", err
	}
	if err := expect("number of SVIDs", len(response.Svids), 1); err != nil {
		return "", err
	}
	svid, err := x509svid.ParseRaw(response.Svids[0].X509Svid, response.Svids[0].X509SvidKey)
	if err != nil {
		return "", err
	}
	bundles, err := s.client.SubscribeToX509Bundles(s.asBroker(), &broker.SubscribeToX509BundlesRequest{Reference: pidReference(s.pid())})
	if err != nil {
		return "", err
	}
	message, err := bundles.Recv()
	if err != nil {
		return "", err
	}
	bundle, err := x509bundle.ParseRaw(s.workloadID.TrustDomain(), message.Bundles[s.workloadID.TrustDomain().IDString()])
	if err != nil {
		return "", err
	}
	if _, _, err := x509svid.Verify(svid.Certificates, bundle); err != nil {
		return "", err
	}
	return svid.ID.String(), expect("SPIFFE ID", svid.ID, s.workloadID)
}

func (s subject) jwtSVID() (string, error) {
	request := &broker.FetchJWTSVIDRequest{Reference: pidReference(s.pid()), Audience: []string{audience}}
	response, err := s.client.FetchJWTSVID(s.asBroker(), request)
	if err != nil {
		return "", err
	}
	if err := expect("number of SVIDs", len(response.Svids), 1); err != nil {
		return "", err
	}
	stream, err := s.client.SubscribeToJWTBundles(s.asBroker(), &broker.SubscribeToJWTBundlesRequest{Reference: pidReference(s.pid())})
	if err != nil {
		return "", err
	}
	message, err := stream.Recv()
	if err != nil {
		return "", err
	}
	bundles := jwtbundle.NewSet()
	for name, bytes := range message.Bundles {
		trustDomain, err := spiffeid.TrustDomainFromString(name)
		if err != nil {
			return "", err
		}
		bundle, err := jwtbundle.Parse(trustDomain, bytes)
		if err != nil {
			return "", err
		}
		bundles.Add(bundle)
	}
	svid, err := jwtsvid.ParseAndValidate(response.Svids[0].Svid, bundles, []string{audience})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s until %s", svid.ID, svid.Expiry.UTC()), expect("SPIFFE ID", svid.ID, s.workloadID)
}

func (s subject) endChecks() []check {
	return []check{{"stream ends when the workload does", s.streamEnds}}
}

func (s subject) streamEnds() (string, error) {
	stream, err := s.client.SubscribeToX509SVID(s.asBroker(), &broker.SubscribeToX509SVIDRequest{Reference: pidReference(s.pid())})
	if err != nil {
		return "", err
	}
	if _, err := stream.Recv(); err != nil {
		return "", err
	}
	if err := s.workload.Process.Kill(); err != nil {
		return "", err
	}
	// It was killed, which Wait calls a failure.
	_ = s.workload.Wait()
	for {
		if _, err := stream.Recv(); err != nil {
			return notFound(err)
		}
		if s.ctx.Err() != nil {
			return "", errors.New("went on")
		}
	}
}
