package server

import (
	"context"
	"errors"

	"lockstep/operate"
	"lockstep/sso"
	"lockstep/upstream"
)

// forms is what package upstream knows about the kinds of identity providers, in the words of package operate.
type forms struct{ opener *upstream.Opener }

// Kinds implements operate.ProviderForms.
func (forms) Kinds() []operate.KindOfProvider {
	var all []operate.KindOfProvider
	for _, k := range upstream.Kinds() {
		kind := operate.KindOfProvider{Kind: k.Kind, Title: k.Title, Help: k.Help, Name: k.Name}
		for _, f := range upstream.Form(k.Kind) {
			to := operate.ProviderField{
				Name: f.Name, Title: f.Title, Help: f.Help, Section: string(f.Section), Type: operate.ProviderFieldType(f.Type), Required: f.Required, Secret: f.Secret,
				Default: f.Default, Example: f.Example,
			}
			for _, o := range f.Options {
				to.Options = append(to.Options, operate.FieldOption(o))
			}
			kind.Fields = append(kind.Fields, to)
		}
		for _, p := range upstream.Presets(k.Kind) {
			kind.Presets = append(kind.Presets, operate.ProviderPreset(p))
		}
		all = append(all, kind)
	}
	return all
}

// Guide implements operate.ProviderForms.
func (forms) Guide(p sso.Provider, redirectURI string) ([]operate.GuideStep, error) {
	steps, err := upstream.Guide(p, redirectURI)
	var all []operate.GuideStep
	for _, s := range steps {
		all = append(all, operate.GuideStep(s))
	}
	return all, err
}

// Certificates implements operate.ProviderForms.
func (forms) Certificates(text string) ([][]byte, error) { return upstream.ParseRoots([]byte(text)) }

// Trusted implements operate.ProviderForms.
func (forms) Trusted(p sso.Provider) []operate.TrustedCertificate {
	var all []operate.TrustedCertificate
	for _, c := range upstream.Trusted(p) {
		all = append(all, operate.TrustedCertificate(c))
	}
	return all
}

// Expiries implements operate.ProviderForms.
func (forms) Expiries(p sso.Provider) []operate.ProviderExpiry {
	var all []operate.ProviderExpiry
	for _, e := range upstream.Expiries(p) {
		all = append(all, operate.ProviderExpiry(e))
	}
	return all
}

// Import implements operate.ProviderForms.
func (f forms) Import(ctx context.Context, p sso.Provider, from string) (map[string]string, []string, error) {
	in, err := f.opener.ImportFor(ctx, p, from, nil)
	return in.Settings, in.Notes, err
}

// faulty names the fields with which something is wrong.
func faulty(err error) error {
	problems, ok := errors.AsType[upstream.Problems](err)
	if !ok {
		return err
	}
	wrong := &operate.Faulty{Err: err}
	for _, p := range problems {
		name := p.Field
		if name == "roots" {
			name = "certificates"
		}
		wrong.Faults = append(wrong.Faults, operate.Fault{Field: name, Detail: p.Detail})
	}
	return wrong
}
