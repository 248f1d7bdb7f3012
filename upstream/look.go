package upstream

import (
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"lockstep"
	"lockstep/sso"
)

// Look is what a look at a provider's own documents has found.
type Look struct {
	Changes []Change
	// Adopt are settings that the document may change by itself (Follow): the certificates of a SAML provider, as long as one of those that are trusted by now
	// stands among them. Adopted says what becomes otherwise.
	Adopt   map[string]string
	Adopted string

	Certificates []string // thumbprints of those that a SAML provider's document has
	certificates string   // they themselves

	Keys []string  // thumbprints (RFC 7638) of the keys that ID tokens are checked with, in order
	Ends time.Time // until when the document says that it may be used; zero is for ever
}

// Watches reports whether there is anything to look at: a document that the provider publishes, or its keys.
func Watches(p sso.Provider) bool {
	set := settingsOf(p)
	return documentOf(set) != "" || len(keysOfIssuer(p, set)) > 0
}

func documentOf(set settings) string { return or(set.text("discovery_url"), set.text("metadata_url")) }

// Look looks at the document that a provider was imported from, and at its keys. What it found until something went wrong is there beside the error.
// Nothing is changed: an address that moves by itself could lead anywhere.
func (o *Opener) Look(ctx context.Context, p sso.Provider, rec sso.Recorder) (Look, error) {
	var l Look
	set := settingsOf(p)
	err := o.lookAtDocument(ctx, &l, p, set, rec)
	for _, address := range keysOfIssuer(p, set) {
		if keys, wrong := o.lookAtKeys(ctx, p, set, address, rec); wrong == nil {
			l.Keys = append(l.Keys, keys...)
		} else if err == nil {
			err = wrong
		}
	}
	slices.Sort(l.Keys)
	l.Keys = slices.Compact(l.Keys)
	return l, err
}

// keysOfIssuer are the addresses of the keys of the issuer that is meant above all. Those of further issuers are of people of other regions.
func keysOfIssuer(p sso.Provider, set settings) []string {
	switch p.Kind {
	case sso.KindOIDC, sso.KindWebexCC:
		if address := set.text(fieldKeys); address != "" {
			return []string{address}
		}
	case sso.KindEntra:
		if f, err := newFlow(p, nil); err == nil && len(f.issuers) > 0 {
			return []string{f.keys[f.issuers[0]].address}
		}
	case sso.KindOAuth2, sso.KindSAML, sso.KindLDAP, sso.KindLocal:
	}
	return nil
}

// lookAtKeys reads the keys: that there are some that signatures can be checked with, in a way that is accepted.
func (o *Opener) lookAtKeys(ctx context.Context, p sso.Provider, set settings, address string, rec sso.Recorder) ([]string, error) {
	h := startHop(rec, o.clock(), "keys")
	client, err := newClient(o.Dialer, p.Roots, o.clock())
	if err != nil {
		return nil, h.fail(&finding{code: lockstep.CodeOf(err), detail: "the trusted certificates cannot be read", err: err})
	}
	defer client.close()
	k, err := newKeySet(address, "", client)
	if err != nil {
		return nil, err
	}
	if bad := k.fetch(ctx, h); bad != nil {
		return nil, h.fail(bad)
	}
	accepted := strings.Fields(or(set.text(fieldAlgorithms), "RS256"))
	var prints []string
	fit := false
	for _, key := range k.kept.Load().keys {
		sum, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			continue
		}
		prints = append(prints, base64.RawURLEncoding.EncodeToString(sum))
		fit = fit || slices.ContainsFunc(accepted, func(a string) bool { return len(choose([]jose.JSONWebKey{key}, "", a)) > 0 })
	}
	if !fit {
		return nil, h.fail(found(lockstep.CodeIdPKeyUnknown, "", "the issuer publishes no key that ID tokens could be checked with by %s", strings.Join(accepted, ", ")))
	}
	h.done("the keys are there")
	return prints, nil
}

// lookAtDocument compares the provider's document with the settings.
func (o *Opener) lookAtDocument(ctx context.Context, l *Look, p sso.Provider, set settings, rec sso.Recorder) error {
	from := documentOf(set)
	if from == "" {
		return nil
	}
	imported, err := o.ImportFor(ctx, p, from, rec)
	if err != nil {
		return err
	}
	l.Ends, l.certificates = imported.Until, imported.Settings[fieldCertificates]
	l.Certificates = thumbs(pemBlocks(l.certificates))
	for _, f := range Form(p.Kind) {
		theirs, ok := imported.Settings[f.Name]
		if ours := set.text(f.Name); ok && f.Section != Request && ours != theirs && (ours != "" || f.Required) && !within(f, ours, theirs) && !(p.Kind == sso.KindWebexCC && ofWebex(set, f, imported)) {
			l.Changes = append(l.Changes, Change{f.Name, f.Title, ours, theirs})
		}
	}
	return nil
}

// ofWebex: which of its issuers Webex's document names is of no matter, as long as it is one of those that are known here.
func ofWebex(set settings, f Field, in Imported) bool {
	if f.Name != fieldIssuer && f.Name != fieldIssuers && f.Name != fieldKeys {
		return false
	}
	issuer := in.Settings[fieldIssuer]
	known := strings.Fields(set.text(fieldIssuer) + " " + set.text(fieldIssuers))
	return slices.Contains(known, issuer)
}

// Follow takes over what has changed in the certificates of a SAML provider's document since the look before, which had those of before (Certificates): new ones are
// trusted, and those that it has no longer are not. What an administrator has added or taken away beside it stays so. Without a look before nothing is taken
// over; a document of another entity gives nothing, and neither does a signed one that does not say until when it holds: an old one could be shown again.
func (l *Look) Follow(p sso.Provider, before []string) {
	set := settingsOf(p)
	other := slices.ContainsFunc(l.Changes, func(c Change) bool { return c.Field == fieldEntity })
	if p.Kind != sso.KindSAML || !set.on(fieldFollow) || other || len(before) == 0 || set.text(fieldSigners) != "" && l.Ends.IsZero() {
		return
	}
	ours, theirs := pemBlocks(set.text(fieldCertificates)), pemBlocks(l.certificates)
	if !slices.ContainsFunc(theirs, func(c string) bool { return slices.Contains(ours, c) }) {
		return
	}
	known := func(c string) bool { return slices.Contains(before, thumb(c)) }
	added := slices.DeleteFunc(without(theirs, ours), known)
	gone := slices.DeleteFunc(without(ours, theirs), func(c string) bool { return !known(c) })
	if len(added)+len(gone) == 0 {
		return
	}
	next := slices.Concat(without(ours, gone), added)
	var text strings.Builder
	for _, der := range next {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(der)}))
	}
	l.Adopt = map[string]string{fieldCertificates: text.String()}
	l.Adopted = strings.Join(slices.Concat(namesOf("new", added), namesOf("gone", gone)), ", ")
	for i := range l.Changes {
		l.Changes[i].Ours = cmp.Or(l.Adopt[l.Changes[i].Field], l.Changes[i].Ours)
	}
	l.Changes = slices.DeleteFunc(l.Changes, func(c Change) bool { return c.Field == fieldCertificates && len(without(theirs, next)) == 0 })
}

func thumb(der string) string {
	sum := sha256.Sum256([]byte(der))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func thumbs(all []string) (prints []string) {
	for _, der := range all {
		prints = append(prints, thumb(der))
	}
	return prints
}

func without(all, those []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(c string) bool { return slices.Contains(those, c) })
}

// namesOf names certificates (DER) that are of one kind.
func namesOf(what string, all []string) (names []string) {
	for _, der := range all {
		name := "one that cannot be read"
		if c, err := x509.ParseCertificate([]byte(der)); err == nil {
			name = fmt.Sprintf("“%s” until %s", describe(c).Name, c.NotAfter.UTC().Format(time.DateOnly))
		}
		names = append(names, what+" "+name)
	}
	return names
}
