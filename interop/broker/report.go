package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// result is one line of output.
type result struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// check asks our side for something and says in one sentence what it saw.
type check struct {
	name string
	run  func() (detail string, err error)
}

// report runs every check, also after one has failed, and tells whether all passed.
func report(out io.Writer, checks []check) bool {
	encoder := json.NewEncoder(out)
	passed := true
	for _, each := range checks {
		detail, err := each.run()
		if err != nil {
			passed = false
			detail = oneLine(err)
		}
		if encodeErr := encoder.Encode(result{Check: each.name, OK: err == nil, Detail: detail}); encodeErr != nil {
			return false
		}
	}
	return passed
}

// expect turns a comparison into an error that names both sides.
func expect[T comparable](what string, got, want T) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s: got %v, want %v", what, got, want)
}
