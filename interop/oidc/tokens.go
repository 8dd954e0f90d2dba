package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

const audience = "sts.example.org"

func (p *parties) tokenChecks() []check {
	return []check{
		{"token: JWT-SVID verifies by discovery only", p.accepted},
		{"token: another audience is refused", p.otherAudience},
		{"token: another issuer is refused", p.foreignToken},
		{"token: a changed one is refused", p.changed},
		{"token: WIT-SVID is no ID token", p.wit},
	}
}

func (p *parties) accepted() (string, error) {
	token, err := fetch(p.ctx, p.workload, audience)
	if err != nil {
		return "", err
	}
	verified, err := p.verify(audience, token)
	if err != nil {
		return "", err
	}
	if verified.IssuedAt.IsZero() {
		return "", errors.New("token has no iat")
	}
	detail := fmt.Sprintf("%s from %s until %s", verified.Subject, verified.Issuer, verified.Expiry.UTC())
	return detail, expect("subject", verified.Subject, p.subject)
}

func (p *parties) otherAudience() (string, error) {
	token, err := fetch(p.ctx, p.workload, "another")
	if err != nil {
		return "", err
	}
	_, err = p.verify(audience, token)
	return refused("audience", err)
}

// foreignToken shows a token that another trust domain's server signed for this very audience.
func (p *parties) foreignToken() (string, error) {
	token, err := fetch(p.ctx, p.stranger, audience)
	if err != nil {
		return "", err
	}
	config := &oidc.Config{ClientID: audience}
	if _, err := p.otherProvider.Verifier(config).Verify(p.ctx, token); err != nil {
		return "", fmt.Errorf("not even its own issuer's relying party takes it: %w", err)
	}
	// Each issuer has keys of its own, so it fails before anyone reads its iss.
	_, err = p.verify(audience, token)
	return refused("signature", err)
}

func (p *parties) changed() (string, error) {
	token, err := fetch(p.ctx, p.workload, audience)
	if err != nil {
		return "", err
	}
	parts := strings.Split(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return "", err
	}
	signature[10] ^= 1
	parts[2] = base64.RawURLEncoding.EncodeToString(signature)
	_, err = p.verify(audience, strings.Join(parts, "."))
	return refused("signature", err)
}

func (p *parties) wit() (string, error) {
	svid, err := p.workload.FetchWITSVID(p.ctx, "")
	if err != nil {
		return "", err
	}
	_, err = p.verify(audience, svid.Marshal())
	return refused("signature", err)
}

// refused turns a refusal for the expected reason into success, and everything else into an error.
func refused(reason string, err error) (string, error) {
	if err == nil {
		return "", errors.New("was accepted")
	}
	if !strings.Contains(err.Error(), reason) {
		return "", fmt.Errorf("refused, but not for its %s: %w", reason, err)
	}
	return oneLine(err), nil
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
