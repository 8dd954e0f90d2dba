package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

const pollInterval = 500 * time.Millisecond

// rotation verifies a token for each half second until the issuer signs with another key. No token may be refused on the
// way, and the other key must have been there before the first token that needs it.
func (p *parties) rotation() (string, error) {
	first, tokens := "", 0
	published := map[string]time.Time{}
	for ; ; tokens++ {
		keys, err := p.keySet()
		if err != nil {
			return "", err
		}
		for _, each := range keys {
			if _, known := published[each.Kid]; !known {
				published[each.Kid] = time.Now()
			}
		}
		// A new audience each time: the agent keeps tokens for those it knows.
		audience := fmt.Sprintf("poll-%d", tokens)
		token, err := fetch(p.ctx, p.workload, audience)
		if err != nil {
			return "", err
		}
		kid, err := keyID(token)
		if err != nil {
			return "", err
		}
		if _, err := p.verify(audience, token); err != nil {
			return "", fmt.Errorf("token %d, key %s: %w", tokens, kid, err)
		}
		if first == "" {
			first = kid
		}
		if kid != first {
			since, known := published[kid]
			if !known {
				return "", errors.New("a key signed before it was published")
			}
			if keys, err = p.keySet(); err != nil {
				return "", err
			}
			if !hasKey(keys, first) {
				return "", errors.New("the key before is gone, while its tokens are valid")
			}
			ahead := time.Since(since).Round(time.Second)
			return fmt.Sprintf("%d tokens verified, new key published %s ahead, old key still there", tokens+1, ahead), nil
		}
		select {
		case <-p.ctx.Done():
			return "", p.ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

func keyID(token string) (string, error) {
	bytes, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil {
		return "", err
	}
	var header struct {
		Kid string `json:"kid"`
	}
	return header.Kid, json.Unmarshal(bytes, &header)
}
