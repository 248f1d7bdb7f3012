package web

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// TLS says where the certificate of a server comes from: from two files, or by ACME (RFC 8555). The zero TLS is none.
type TLS struct {
	Cert, Key string // files in PEM; the certificate's may have the chain below it
	ACME      ACME
	Log       *slog.Logger // nil is slog.Default()
}

// ACME says from whom certificates are asked for, and for which names. A name is proven by an answer within TLS itself (RFC 8737), so the
// server has to be reached at port 443 of it, and nothing else.
type ACME struct {
	Domains   []string
	Directory string // "" is Let's Encrypt
	Email     string // where the authority writes to; may be ""
	CA        string // file in PEM with what is trusted when the authority is asked; "" is what the machine trusts
	Cache     string // folder for the account's key, and certificates with their keys; only its owner may read it
}

// On reports whether there is TLS.
func (t TLS) On() bool { return t.Cert != "" || len(t.ACME.Domains) > 0 }

// Config returns the TLS settings of a server. Files that cannot be used are an error now; later, when they have changed, the certificate
// of before stays, and the log tells.
func (t TLS) Config() (*tls.Config, error) {
	log := t.Log
	if log == nil {
		log = slog.Default()
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if len(t.ACME.Domains) > 0 {
		m, err := t.ACME.manager()
		if err != nil {
			return nil, err
		}
		c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			got, err := m.GetCertificate(hello)
			if err != nil && !strings.Contains(err.Error(), "not configured") && hello.ServerName != "" { // anybody may ask for other names
				log.Warn("there is no certificate for a name that was asked for", "name", hello.ServerName, "error", err)
			}
			return got, err
		}
		c.NextProtos = append(c.NextProtos, acme.ALPNProto)
		return c, nil
	}
	f := &filePair{cert: t.Cert, key: t.Key, log: log}
	if err := f.load(); err != nil {
		return nil, err
	}
	c.GetCertificate = f.get
	return c, nil
}

func (a ACME) manager() (*autocert.Manager, error) {
	if err := os.MkdirAll(a.Cache, 0o700); err != nil {
		return nil, fmt.Errorf("keep certificates: %w", err)
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CA != "" {
		text, err := os.ReadFile(a.CA)
		if err != nil {
			return nil, fmt.Errorf("read what is trusted for ACME: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read what is trusted for ACME: %s has no certificate in PEM", a.CA)
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = trust
	return &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(a.Cache), HostPolicy: autocert.HostWhitelist(a.Domains...), Email: a.Email,
		Client: &acme.Client{DirectoryURL: a.Directory, HTTPClient: &http.Client{Transport: transport, Timeout: time.Minute}, UserAgent: "lockstep"},
	}, nil
}

// filePair is a certificate in two files, which are looked at again when they have changed.
type filePair struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	now    *tls.Certificate
	stamp  [2]fileStamp // of what was tried last
	looked time.Time
}

// fileStamp tells a file from what it was.
type fileStamp struct {
	at   time.Time
	size int64
}

// lookAgain is how often the files are looked at, at most.
const lookAgain = time.Second

func stampOf(path string) (fileStamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}, err
	}
	return fileStamp{info.ModTime(), info.Size()}, nil
}

func (f *filePair) stamps() (s [2]fileStamp, err error) {
	for i, path := range []string{f.cert, f.key} {
		if s[i], err = stampOf(path); err != nil {
			return s, err
		}
	}
	return s, nil
}

// load reads the files.
func (f *filePair) load() error {
	s, err := f.stamps()
	if err == nil {
		f.stamp = s
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(f.cert, f.key); err == nil {
			f.now = &pair
			return nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the certificate is not there: %w", err)
	}
	return fmt.Errorf("the certificate in %s with the key in %s cannot be used: %w", f.cert, f.key, err)
}

// get returns the certificate, read again if one of the files has changed. While they do not belong together, as between two copies, the one
// of before stays.
func (f *filePair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= lookAgain {
		f.looked = now
		if s, err := f.stamps(); err == nil && s != f.stamp {
			if err := f.load(); err != nil {
				f.log.Warn("the certificate was not replaced; the one of before stays", "error", err)
			} else {
				f.log.Info("the certificate was replaced", "ends", f.now.Leaf.NotAfter)
			}
		}
	}
	return f.now, nil
}
