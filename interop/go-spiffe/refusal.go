package main

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refused is the outcome of a step that must fail, and for this reason: a failure for another one proves nothing.
func refused(reason string, err error) (string, error) {
	if err == nil {
		return "", errors.New("was accepted")
	}
	if !strings.Contains(err.Error(), reason) {
		return "", fmt.Errorf("refused for another reason than %q: %w", reason, err)
	}
	return oneLine(err), nil
}

// refusedWith is the outcome of a Workload API call that must end with one status.
func refusedWith(want codes.Code, err error) (string, error) {
	if err == nil {
		return "", errors.New("was accepted")
	}
	return oneLine(err), expect("status", status.Code(err), want)
}

// oneLine is the text of an error: joined errors stand on lines of their own.
func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// withChangedSignature changes the first character of a compact JWS's signature. Unlike the last one, all its bits count.
func withChangedSignature(token string) string {
	at := strings.LastIndex(token, ".") + 1
	changed := "A"
	if token[at:at+1] == changed {
		changed = "B"
	}
	return token[:at] + changed + token[at+1:]
}
