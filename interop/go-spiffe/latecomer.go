package main

import (
	"context"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc/codes"
)

// latecomerPatience covers the client's own waits between attempts, which grow by a second each.
const latecomerPatience = 30 * time.Second

// latecomerChecks are for a copy of this program that gets its registration entry while it waits. It makes the file when
// it has seen that there is none yet.
func (s subject) latecomerChecks(deniedFile string) []check {
	return []check{
		{"latecomer: is denied before its entry is made", func() (string, error) {
			_, err := s.client.FetchX509SVID(s.ctx)
			if detail, err := refusedWith(codes.PermissionDenied, err); err != nil {
				return detail, err
			}
			return "no entry yet", os.WriteFile(deniedFile, nil, 0o600)
		}},
		{"latecomer: a source that waits gets the identity then", func() (string, error) {
			ctx, cancel := context.WithTimeout(s.ctx, latecomerPatience)
			defer cancel()
			source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClient(s.client))
			if err != nil {
				return "", err
			}
			defer source.Close()
			svid, err := source.GetX509SVID()
			if err != nil {
				return "", err
			}
			return svid.ID.String(), expect("SPIFFE ID", svid.ID, s.id)
		}},
	}
}
