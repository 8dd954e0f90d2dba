package main

import (
	"fmt"

	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"google.golang.org/grpc/codes"
)

const audience = "spiffe://interop.example/orders"

func (s subject) jwtChecks() []check {
	return []check{
		{"jwt: bundles", s.jwtBundles},
		{"jwt: SVID validates against fetched bundles", s.jwtSVID},
		{"jwt: SVID for one identity and several audiences", s.jwtSVIDForSubject},
		{"jwt: one SVID for each identity", s.jwtSVIDs},
		{"jwt: SVID is refused for another audience", s.jwtOtherAudience},
		{"jwt: ValidateJWTSVID accepts", s.validateJWTSVID},
		{"jwt: ValidateJWTSVID refuses another audience", s.validateOtherAudience},
		{"jwt: ValidateJWTSVID refuses a changed token", s.validateChangedToken},
		{"jwt: empty audience is refused", s.emptyAudience},
		{"jwt: identity of another program is denied", s.foreignSubject},
	}
}

func (s subject) fetchJWT() (*jwtsvid.SVID, error) {
	return s.client.FetchJWTSVID(s.ctx, jwtsvid.Params{Audience: audience})
}

func (s subject) jwtBundles() (string, error) {
	bundles, err := s.client.FetchJWTBundles(s.ctx)
	if err != nil {
		return "", err
	}
	own, err := bundles.GetJWTBundleForTrustDomain(s.id.TrustDomain())
	if err != nil {
		return "", err
	}
	if len(own.JWTAuthorities()) == 0 {
		return "", fmt.Errorf("bundle of %s has no JWT authority", own.TrustDomain())
	}
	return fmt.Sprintf("%d bundle(s), %d key(s) of %s", bundles.Len(), len(own.JWTAuthorities()), own.TrustDomain()), nil
}

func (s subject) jwtSVID() (string, error) {
	fetched, err := s.fetchJWT()
	if err != nil {
		return "", err
	}
	bundles, err := s.client.FetchJWTBundles(s.ctx)
	if err != nil {
		return "", err
	}
	validated, err := jwtsvid.ParseAndValidate(fetched.Marshal(), bundles, []string{audience})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s until %s", validated.ID, validated.Expiry.UTC()), expect("SPIFFE ID", validated.ID, s.id)
}

func (s subject) jwtSVIDForSubject() (string, error) {
	params := jwtsvid.Params{Audience: audience, ExtraAudiences: []string{"second"}, Subject: s.id}
	svids, err := s.client.FetchJWTSVIDs(s.ctx, params)
	if err != nil {
		return "", err
	}
	if err := expect("number of SVIDs", len(svids), 1); err != nil {
		return "", err
	}
	if err := expect("number of audiences", len(svids[0].Audience), 2); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s for %v", svids[0].ID, svids[0].Audience), expect("SPIFFE ID", svids[0].ID, s.id)
}

func (s subject) jwtSVIDs() (string, error) {
	svids, err := s.client.FetchJWTSVIDs(s.ctx, jwtsvid.Params{Audience: audience})
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

func (s subject) jwtOtherAudience() (string, error) {
	fetched, err := s.fetchJWT()
	if err != nil {
		return "", err
	}
	bundles, err := s.client.FetchJWTBundles(s.ctx)
	if err != nil {
		return "", err
	}
	_, err = jwtsvid.ParseAndValidate(fetched.Marshal(), bundles, []string{"other"})
	return refused("audience", err)
}

func (s subject) validateJWTSVID() (string, error) {
	fetched, err := s.fetchJWT()
	if err != nil {
		return "", err
	}
	validated, err := s.client.ValidateJWTSVID(s.ctx, fetched.Marshal(), audience)
	if err != nil {
		return "", err
	}
	return validated.ID.String(), expect("SPIFFE ID", validated.ID, s.id)
}

func (s subject) validateOtherAudience() (string, error) {
	fetched, err := s.fetchJWT()
	if err != nil {
		return "", err
	}
	_, err = s.client.ValidateJWTSVID(s.ctx, fetched.Marshal(), "other")
	return refusedWith(codes.InvalidArgument, err)
}

func (s subject) validateChangedToken() (string, error) {
	fetched, err := s.fetchJWT()
	if err != nil {
		return "", err
	}
	_, err = s.client.ValidateJWTSVID(s.ctx, withChangedSignature(fetched.Marshal()), audience)
	return refusedWith(codes.InvalidArgument, err)
}

func (s subject) emptyAudience() (string, error) {
	_, err := s.client.FetchJWTSVID(s.ctx, jwtsvid.Params{Audience: ""})
	return refusedWith(codes.InvalidArgument, err)
}

func (s subject) foreignSubject() (string, error) {
	_, err := s.client.FetchJWTSVID(s.ctx, jwtsvid.Params{Audience: audience, Subject: s.otherID})
	return refusedWith(codes.PermissionDenied, err)
}
