package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
)

// asked is what came of one question. Authority is the key that signed the service's certificate, by its identifier; Key
// the one that signed the caller's token.
type asked struct {
	OK        bool   `json:"ok"`
	Error     string `json:"error,omitempty"`
	TLS       string `json:"tls,omitempty"`
	JWT       string `json:"jwt,omitempty"`
	Authority string `json:"authority,omitempty"`
	Key       string `json:"key,omitempty"`
}

// ask makes a connection of its own for each question, so that each is a handshake with what both sides hold just then.
func (w workload) ask(ctx context.Context, to string, count int, every time.Duration) error {
	client := &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   tlsconfig.MTLSClientConfig(w.source, w.source, tlsconfig.AuthorizeID(w.peerID)),
		},
	}
	for n := 1; ; n++ {
		answer, err := w.askOnce(ctx, client, to)
		if err != nil {
			answer = asked{Error: oneLine(err)}
		}
		if err := line(answer); err != nil {
			return err
		}
		if n == count {
			return nil
		}
		time.Sleep(every)
	}
}

func (w workload) askOnce(ctx context.Context, client *http.Client, to string) (asked, error) {
	token, err := w.client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: w.peerID.String()})
	if err != nil {
		return asked{}, err
	}
	response, err := client.Post("https://"+to+"/", "text/plain", strings.NewReader(token.Marshal()))
	if err != nil {
		return asked{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTokenBytes))
	if err != nil {
		return asked{}, err
	}
	if response.StatusCode != http.StatusOK {
		return asked{}, fmt.Errorf("service answered %d: %s", response.StatusCode, body)
	}
	var who seen
	if err := json.Unmarshal(body, &who); err != nil {
		return asked{}, err
	}
	key, err := keyOf(token.Marshal())
	if err != nil {
		return asked{}, err
	}
	authority := hex.EncodeToString(response.TLS.PeerCertificates[0].AuthorityKeyId)
	return asked{OK: true, TLS: who.TLS, JWT: who.JWT, Authority: authority, Key: key}, nil
}

func keyOf(token string) (string, error) {
	segment, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return "", err
	}
	var header struct {
		KeyID string `json:"kid"`
	}
	return header.KeyID, json.Unmarshal(text, &header)
}

// oneLine is the text of an error: joined errors stand on lines of their own.
func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}
