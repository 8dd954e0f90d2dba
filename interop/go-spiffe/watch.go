package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/exp/bundle/witbundle"
	"github.com/spiffe/go-spiffe/v2/exp/svid/witsvid"
)

// watchPatience is several times what it takes for an SVID or the partner's bundle to change.
const watchPatience = 30 * time.Second

func (s subject) watchChecks() []check {
	return []check{
		{"x509: bundle watch delivers a federated domain's new authority", func() (string, error) {
			return s.watch(func(ctx context.Context, seen *change) error {
				return s.client.WatchX509Bundles(ctx, x509BundleWatcher{s, seen})
			})
		}},
		{"jwt: bundle watch delivers a federated domain's new key", func() (string, error) {
			return s.watch(func(ctx context.Context, seen *change) error {
				return s.client.WatchJWTBundles(ctx, jwtBundleWatcher{s, seen})
			})
		}},
		{"wit: bundle watch delivers a federated domain's new key", func() (string, error) {
			return s.watch(func(ctx context.Context, seen *change) error {
				return s.client.WatchWITBundles(ctx, witBundleWatcher{s, seen})
			})
		}},
		{"wit: watch delivers a rotated SVID", func() (string, error) {
			return s.watch(func(ctx context.Context, seen *change) error {
				return s.client.WatchWITSVIDs(ctx, witWatcher{s, seen}, s.id.String())
			})
		}},
	}
}

// watch runs a watch until it has delivered two values that differ.
func (s subject) watch(start func(context.Context, *change) error) (string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, watchPatience)
	defer cancel()
	seen := &change{stop: cancel}
	watchErr := start(ctx, seen)
	if seen.second == "" {
		return "", errors.Join(errors.New("no change arrived"), seen.err, watchErr)
	}
	return fmt.Sprintf("%s, then %s", seen.first, seen.second), seen.err
}

// change is what a watch has delivered so far.
type change struct {
	stop          context.CancelFunc
	first, second string
	err           error
}

func (c *change) update(value string, err error) {
	switch {
	case err != nil:
		c.err = err
		c.stop()
	case c.first == "":
		c.first = value
	case c.second == "" && value != c.first:
		c.second = value
		c.stop()
	}
}

// fail also hears of the end that update asked for.
func (c *change) fail(err error) {
	if c.second == "" {
		c.err = err
	}
}

type x509BundleWatcher struct {
	subject
	*change
}

func (w x509BundleWatcher) OnX509BundlesUpdate(bundles *x509bundle.Set) {
	w.update(w.partnerRoots(bundles))
}

func (w x509BundleWatcher) OnX509BundlesWatchError(err error) { w.fail(err) }

type jwtBundleWatcher struct {
	subject
	*change
}

func (w jwtBundleWatcher) OnJWTBundlesUpdate(bundles *jwtbundle.Set) {
	bundle, err := bundles.GetJWTBundleForTrustDomain(w.partner)
	if err != nil {
		w.update("", err)
		return
	}
	w.update(sorted(bundle.JWTAuthorities()), nil)
}

func (w jwtBundleWatcher) OnJWTBundlesWatchError(err error) { w.fail(err) }

type witBundleWatcher struct {
	subject
	*change
}

func (w witBundleWatcher) OnWITBundlesUpdate(bundles *witbundle.Set) {
	bundle, err := bundles.GetWITBundleForTrustDomain(w.partner)
	if err != nil {
		w.update("", err)
		return
	}
	w.update(sorted(bundle.WITAuthorities()), nil)
}

func (w witBundleWatcher) OnWITBundlesWatchError(err error) { w.fail(err) }

type witWatcher struct {
	subject
	*change
}

func (w witWatcher) OnWITSVIDsUpdate(svids []*witsvid.SVID) {
	if len(svids) != 1 {
		w.update("", fmt.Errorf("%d SVIDs for one SPIFFE ID", len(svids)))
		return
	}
	w.update("until "+svids[0].Expiry.UTC().Format(time.TimeOnly), expect("SPIFFE ID", svids[0].ID, w.id))
}

func (w witWatcher) OnWITSVIDsWatchError(err error) { w.fail(err) }

// partnerRoots names the federated trust domain's authorities.
func (s subject) partnerRoots(bundles x509bundle.Source) (string, error) {
	bundle, err := bundles.GetX509BundleForTrustDomain(s.partner)
	if err != nil {
		return "", err
	}
	var names []string
	for _, authority := range bundle.X509Authorities() {
		names = append(names, authority.Subject.CommonName)
	}
	if len(names) == 0 {
		return "", fmt.Errorf("bundle of %s has no authority", s.partner)
	}
	return strings.Join(names, " "), nil
}

// sorted is the names of a bundle's keys.
func sorted[Key any](keys map[string]Key) string {
	var names []string
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
