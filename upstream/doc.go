// Package upstream speaks to the identity providers that Lockstep delegates to: Webex Contact Center, any OpenID Provider, OAuth 2.0
// with a user-info address, Microsoft Entra ID, SAML 2.0, LDAP, and passwords of its own.
//
// Form lists the fields of each kind as values, so that console, command line, API and documentation draw one and the same form;
// Check judges what was filled in, Import fills it from a discovery document. An Opener makes the sso.Upstream of a provider.
//
// An answer is believed in one order: the transport (the guarded dialer, TLS with the provider's own authorities, a bound on every
// size and time), the form (JSON without names that are there twice, XML without DOCTYPE), the signature (of keys that belong to
// the very issuer), then the claims, each by a check of its own with a code of its own. What a provider says never chooses an
// address, an algorithm or a key set: those come from the settings alone.
//
// Every step is told to the login's sso.Recorder as a stage with facts: decoded claims, the key's id, how far the clocks are
// apart, the names of the certificate chain. Secrets, codes and tokens are never among them.
package upstream
