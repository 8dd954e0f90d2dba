// Issues the X509-SVID of the benchmark with Go's standard library, from a public key or from a signing request.
//
// Reads milliseconds, one number a line; for each, works that long and writes operations per CPU second.
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"
)

func main() {
	caKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	ca := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "ca"},
		NotBefore:             time.Now().Add(-time.Minute),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	ca = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey))))
	id := must(url.Parse("spiffe://example.org/ns/payments/sa/checkout"))
	limit := new(big.Int).Lsh(big.NewInt(1), 127)
	issue := func(publicKey any) {
		now := time.Now()
		must(x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber:          must(rand.Int(rand.Reader, limit)),
			Subject:               pkix.Name{Organization: []string{"Countersign"}},
			NotBefore:             now,
			NotAfter:              now.Add(time.Hour),
			KeyUsage:              x509.KeyUsageDigitalSignature,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			BasicConstraintsValid: true,
			URIs:                  []*url.URL{id},
		}, ca, publicKey, caKey))
	}

	leafKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	request := must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{id}}, leafKey))
	work := func() { issue(&leafKey.PublicKey) }
	if len(os.Args) > 1 && os.Args[1] == "request" {
		work = func() {
			parsed := must(x509.ParseCertificateRequest(request))
			if err := parsed.CheckSignature(); err != nil {
				panic(err)
			}
			issue(parsed.PublicKey)
		}
	}

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		milliseconds := must(strconv.Atoi(lines.Text()))
		before, operations := cpuSeconds(), 0
		for end := time.Now().Add(time.Duration(milliseconds) * time.Millisecond); time.Now().Before(end); operations++ {
			work()
		}
		fmt.Println(float64(operations) / (cpuSeconds() - before))
	}
}

// All threads, the garbage collector's too: as the other side is measured.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
