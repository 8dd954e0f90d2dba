package main

import (
	"crypto/ecdsa"
	"errors"
	"fmt"

	"github.com/spiffe/go-spiffe/v2/exp/svid/witsvid"
	"google.golang.org/grpc/codes"
)

func (s subject) witChecks() []check {
	return []check{
		{"wit: SVID validates against fetched bundles", s.witSVID},
		{"wit: one SVID for each identity", s.witSVIDs},
		{"wit: private key belongs to the token", s.witKey},
		{"wit: changed token is refused", s.witChangedToken},
		{"wit: identity of another program is denied", s.witForeignSubject},
	}
}

func (s subject) witSVID() (string, error) {
	svid, err := s.client.FetchWITSVID(s.ctx, "")
	if err != nil {
		return "", err
	}
	bundles, err := s.client.FetchWITBundles(s.ctx)
	if err != nil {
		return "", err
	}
	validated, err := witsvid.ParseAndValidate(svid.Marshal(), bundles)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s until %s", validated.ID, validated.Expiry.UTC()), expect("SPIFFE ID", validated.ID, s.id)
}

func (s subject) witSVIDs() (string, error) {
	svids, err := s.client.FetchWITSVIDs(s.ctx, "")
	if err != nil {
		return "", err
	}
	if err := expect("number of SVIDs", len(svids), 2); err != nil {
		return "", err
	}
	if err := expect("second SPIFFE ID", svids[1].ID, s.secondID); err != nil {
		return "", err
	}
	return svids[0].ID.String() + " and " + svids[1].Hint, expect("first SPIFFE ID", svids[0].ID, s.id)
}

func (s subject) witKey() (string, error) {
	svid, err := s.client.FetchWITSVID(s.ctx, s.id.String())
	if err != nil {
		return "", err
	}
	private, ok := svid.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return "", fmt.Errorf("private key is a %T", svid.PrivateKey)
	}
	if !private.PublicKey.Equal(svid.PublicKey) {
		return "", errors.New("token is bound to another key")
	}
	return private.Curve.Params().Name, nil
}

func (s subject) witChangedToken() (string, error) {
	svid, err := s.client.FetchWITSVID(s.ctx, "")
	if err != nil {
		return "", err
	}
	bundles, err := s.client.FetchWITBundles(s.ctx)
	if err != nil {
		return "", err
	}
	_, err = witsvid.ParseAndValidate(withChangedSignature(svid.Marshal()), bundles)
	return refused("signature", err)
}

func (s subject) witForeignSubject() (string, error) {
	_, err := s.client.FetchWITSVID(s.ctx, s.otherID.String())
	return refusedWith(codes.PermissionDenied, err)
}
