package main

import (
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"google.golang.org/grpc/codes"
)

// deniedChecks are for a copy of this program that no registration entry names.
func (s subject) deniedChecks() []check {
	return []check{
		{"unregistered program: X509-SVID is denied", func() (string, error) {
			_, err := s.client.FetchX509SVID(s.ctx)
			return refusedWith(codes.PermissionDenied, err)
		}},
		{"unregistered program: X.509 context is denied", func() (string, error) {
			_, err := s.client.FetchX509Context(s.ctx)
			return refusedWith(codes.PermissionDenied, err)
		}},
		{"unregistered program: X.509 bundles are denied", func() (string, error) {
			_, err := s.client.FetchX509Bundles(s.ctx)
			return refusedWith(codes.PermissionDenied, err)
		}},
		{"unregistered program: JWT bundles are denied", func() (string, error) {
			_, err := s.client.FetchJWTBundles(s.ctx)
			return refusedWith(codes.PermissionDenied, err)
		}},
		{"unregistered program: WIT bundles are denied", func() (string, error) {
			_, err := s.client.FetchWITBundles(s.ctx)
			return refusedWith(codes.PermissionDenied, err)
		}},
		{"unregistered program: JWT-SVID is denied", func() (string, error) {
			_, err := s.client.FetchJWTSVID(s.ctx, jwtsvid.Params{Audience: audience})
			return refusedWith(codes.PermissionDenied, err)
		}},
		{"unregistered program: another's JWT-SVID is denied", func() (string, error) {
			_, err := s.client.FetchJWTSVID(s.ctx, jwtsvid.Params{Audience: audience, Subject: s.id})
			return refusedWith(codes.PermissionDenied, err)
		}},
		{"unregistered program: WIT-SVID is denied", func() (string, error) {
			_, err := s.client.FetchWITSVID(s.ctx, "")
			return refusedWith(codes.PermissionDenied, err)
		}},
	}
}
