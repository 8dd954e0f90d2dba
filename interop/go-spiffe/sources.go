package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spiffe/go-spiffe/v2/exp/svid/witsvid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func (s subject) sourceChecks() []check {
	return []check{
		{"x509 source: a picker takes another identity than the first", s.x509Picker},
		{"x509 source: gets updates, and verifies its own SVID", s.x509SourceUpdates},
		{"x509 source: closed source gives nothing", s.x509SourceClosed},
		{"jwt source: SVID validates against the source's own bundles", s.jwtSource},
		{"jwt source: SVID of another audience is refused", s.jwtSourceOtherAudience},
		{"bundle source: has the bundles of both trust domains, and gets updates", s.bundleSource},
		{"bundle source: has no bundle of a stranger", s.bundleSourceStranger},
		{"wit source: SVID validates against the source's own bundles, and gets updates", s.witSource},
		{"wit source: has no SVID of another program", s.witSourceForeign},
	}
}

func (s subject) x509Picker() (string, error) {
	second := workloadapi.WithDefaultX509SVIDPicker(func(svids []*x509svid.SVID) *x509svid.SVID {
		for _, svid := range svids {
			if svid.Hint == secondHint {
				return svid
			}
		}
		return nil
	})
	source, err := workloadapi.NewX509Source(s.ctx, workloadapi.WithClient(s.client), second)
	if err != nil {
		return "", err
	}
	defer source.Close()
	svid, err := source.GetX509SVID()
	if err != nil {
		return "", err
	}
	return svid.ID.String(), expect("SPIFFE ID", svid.ID, s.secondID)
}

func (s subject) x509SourceUpdates() (string, error) {
	source, err := workloadapi.NewX509Source(s.ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return "", err
	}
	defer source.Close()
	before, err := s.partnerRoots(source)
	if err != nil {
		return "", err
	}
	after, err := s.untilChanged(source, before, func() (string, error) { return s.partnerRoots(source) })
	if err != nil {
		return "", err
	}
	svid, err := source.GetX509SVID()
	if err != nil {
		return "", err
	}
	if _, _, err := x509svid.Verify(svid.Certificates, source); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, then %s", before, after), nil
}

func (s subject) x509SourceClosed() (string, error) {
	source, err := workloadapi.NewX509Source(s.ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return "", err
	}
	if err := source.Close(); err != nil {
		return "", err
	}
	_, err = source.GetX509SVID()
	return refused("closed", err)
}

func (s subject) jwtSource() (string, error) {
	validated, err := s.validatedByJWTSource(audience)
	if err != nil {
		return "", err
	}
	return validated.ID.String(), expect("SPIFFE ID", validated.ID, s.id)
}

func (s subject) jwtSourceOtherAudience() (string, error) {
	_, err := s.validatedByJWTSource("other")
	return refused("audience", err)
}

func (s subject) validatedByJWTSource(expectedAudience string) (*jwtsvid.SVID, error) {
	source, err := workloadapi.NewJWTSource(s.ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return nil, err
	}
	defer source.Close()
	fetched, err := source.FetchJWTSVID(s.ctx, jwtsvid.Params{Audience: audience, Subject: s.id})
	if err != nil {
		return nil, err
	}
	return jwtsvid.ParseAndValidate(fetched.Marshal(), source, []string{expectedAudience})
}

func (s subject) bundleSource() (string, error) {
	source, err := workloadapi.NewBundleSource(s.ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return "", err
	}
	defer source.Close()
	own, err := source.GetBundleForTrustDomain(s.id.TrustDomain())
	if err != nil {
		return "", err
	}
	if len(own.X509Authorities()) == 0 || len(own.JWTAuthorities()) == 0 {
		return "", errors.New("own bundle lacks X.509 or JWT authorities")
	}
	partnerKeys := func() (string, error) {
		bundle, err := source.GetJWTBundleForTrustDomain(s.partner)
		if err != nil {
			return "", err
		}
		return sorted(bundle.JWTAuthorities()), nil
	}
	before, err := partnerKeys()
	if err != nil {
		return "", err
	}
	after, err := s.untilChanged(source, before, partnerKeys)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, then %s", before, after), nil
}

func (s subject) bundleSourceStranger() (string, error) {
	source, err := workloadapi.NewBundleSource(s.ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return "", err
	}
	defer source.Close()
	_, err = source.GetBundleForTrustDomain(s.stranger)
	return refused("no SPIFFE bundle", err)
}

func (s subject) witSource() (string, error) {
	source, err := workloadapi.NewWITSource(s.ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return "", err
	}
	defer source.Close()
	current := func() (string, error) {
		svid, err := source.GetWITSVIDForID(s.id)
		if err != nil {
			return "", err
		}
		if _, err := witsvid.ParseAndValidate(svid.Marshal(), source); err != nil {
			return "", err
		}
		return "until " + svid.Expiry.UTC().Format(time.TimeOnly), nil
	}
	before, err := current()
	if err != nil {
		return "", err
	}
	after, err := s.untilChanged(source, before, current)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, then %s", before, after), nil
}

func (s subject) witSourceForeign() (string, error) {
	source, err := workloadapi.NewWITSource(s.ctx, workloadapi.WithClient(s.client))
	if err != nil {
		return "", err
	}
	defer source.Close()
	_, err = source.GetWITSVIDForID(s.otherID)
	return refused("no WIT-SVID found", err)
}

type updating interface {
	WaitUntilUpdated(context.Context) error
}

// untilChanged waits for updates of a source until what it reads from it is another.
func (s subject) untilChanged(source updating, before string, read func() (string, error)) (string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, watchPatience)
	defer cancel()
	for {
		after, err := read()
		if err != nil || after != before {
			return after, err
		}
		if err := source.WaitUntilUpdated(ctx); err != nil {
			return "", fmt.Errorf("still %s: %w", before, err)
		}
	}
}
