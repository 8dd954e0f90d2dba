package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// metadata is what relying parties read of the discovery document.
type metadata struct {
	Issuer        string   `json:"issuer"`
	JWKSURI       string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	Claims        []string `json:"claims_supported"`
}

func (p *parties) discoveryChecks() []check {
	return []check{
		{"discovery: every member that relying parties insist on", p.members},
		{"discovery: a forged host changes nothing", p.forgedHost},
		{"discovery: issuer in another spelling is refused", p.otherSpelling},
		{"discovery: issuer is refused without its root", p.withoutRoot},
		{"discovery: keys are for signatures, each with a name and an algorithm", p.keys},
	}
}

func (p *parties) members() (string, error) {
	var m metadata
	if err := p.provider.Claims(&m); err != nil {
		return "", err
	}
	if err := expect("issuer", m.Issuer, p.issuer); err != nil {
		return "", err
	}
	for name, values := range map[string][]string{
		"response_types_supported": m.ResponseTypes, "subject_types_supported": m.SubjectTypes,
		"id_token_signing_alg_values_supported": m.Algorithms, "claims_supported": m.Claims,
	} {
		if len(values) == 0 {
			return "", fmt.Errorf("%s is empty", name)
		}
	}
	return fmt.Sprintf("%s, keys at %s, %v", m.Issuer, m.JWKSURI, m.Algorithms), nil
}

func (p *parties) forgedHost() (string, error) {
	var m metadata
	if err := p.get(p.issuer+"/.well-known/openid-configuration", "evil.example", &m); err != nil {
		return "", err
	}
	if strings.Contains(m.Issuer+m.JWKSURI, "evil") {
		return "", fmt.Errorf("answer follows the request: %s %s", m.Issuer, m.JWKSURI)
	}
	return m.Issuer, expect("issuer", m.Issuer, p.issuer)
}

func (p *parties) otherSpelling() (string, error) {
	_, err := discover(p.ctx, p.web, p.issuer+"/")
	return refused("did not match", err)
}

func (p *parties) withoutRoot() (string, error) {
	_, err := oidc.NewProvider(oidc.ClientContext(p.ctx, &http.Client{}), p.issuer)
	return refused("certificate", err)
}

func (p *parties) keys() (string, error) {
	keys, err := p.keySet()
	if err != nil {
		return "", err
	}
	for _, key := range keys {
		if key.Use != "sig" || key.Kid == "" || key.Alg == "" || len(key.X5c) > 0 {
			return "", fmt.Errorf("key %q: use %q, alg %q, %d certificates", key.Kid, key.Use, key.Alg, len(key.X5c))
		}
	}
	if len(keys) == 0 {
		return "", errors.New("there is no key")
	}
	return fmt.Sprintf("%d key(s)", len(keys)), nil
}

type key struct {
	Kid string   `json:"kid"`
	Use string   `json:"use"`
	Alg string   `json:"alg"`
	X5c []string `json:"x5c"`
}

// keySet reads what jwks_uri has now.
func (p *parties) keySet() ([]key, error) {
	var m metadata
	if err := p.provider.Claims(&m); err != nil {
		return nil, err
	}
	var set struct {
		Keys []key `json:"keys"`
	}
	err := p.get(m.JWKSURI, "", &set)
	return set.Keys, err
}

func hasKey(keys []key, kid string) bool {
	return slices.ContainsFunc(keys, func(each key) bool { return each.Kid == kid })
}
