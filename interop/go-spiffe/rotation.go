package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// rotationPatience is several lifetimes of the SVID that this program is registered with.
const rotationPatience = 30 * time.Second

func (s subject) rotationChecks() []check {
	return []check{{"x509: watch delivers a rotated SVID before the first expires", s.rotation}}
}

func (s subject) rotation() (string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, rotationPatience)
	defer cancel()
	watcher := &rotationWatcher{stop: cancel}
	watchErr := s.client.WatchX509Context(ctx, watcher)
	if watcher.second == nil {
		return "", errors.Join(errors.New("no rotation arrived"), watcher.err, watchErr)
	}
	if !watcher.arrived.Before(watcher.first.notAfter) {
		return "", fmt.Errorf("rotated SVID came at %s, after the first had expired at %s", watcher.arrived, watcher.first.notAfter)
	}
	return fmt.Sprintf("serial %s replaced by %s", watcher.first.serial, watcher.second), watcher.err
}

type firstSVID struct {
	serial   *big.Int
	notAfter time.Time
}

// rotationWatcher ends the watch at the second serial number.
type rotationWatcher struct {
	stop    context.CancelFunc
	first   *firstSVID
	second  *big.Int
	arrived time.Time
	err     error
}

func (w *rotationWatcher) OnX509ContextUpdate(update *workloadapi.X509Context) {
	svid := update.DefaultSVID()
	if _, _, err := x509svid.Verify(svid.Certificates, update.Bundles); err != nil {
		w.err = err
	}
	leaf := svid.Certificates[0]
	switch {
	case w.first == nil:
		w.first = &firstSVID{serial: leaf.SerialNumber, notAfter: leaf.NotAfter}
	case w.second == nil && leaf.SerialNumber.Cmp(w.first.serial) != 0:
		w.second = leaf.SerialNumber
		w.arrived = time.Now()
		w.stop()
	}
}

// OnX509ContextWatchError also hears of the end that this watcher asked for.
func (w *rotationWatcher) OnX509ContextWatchError(err error) {
	if w.second == nil {
		w.err = err
	}
}
