// Package saml is the protocol of a SAML 2.0 identity provider: what applications (service providers) send is read, and what they are answered
// is written and signed. It knows nobody and keeps nothing: who is meant, and whether a message was used before, is for the caller to say.
//
// Whatever comes from outside is bounded and looked at before any reader of XML documents gets it (scan): a document type, processing
// instructions and comments are refused, since two readers may see two documents in them. What is signed is read from the element that the
// signature covers, and from nothing else. The certificates of an application are containers of its keys: their dates do not count (SAML V2.0
// Metadata Interoperability Profile §2.6.1).
//
// The citations are of the OASIS standards: saml-core, saml-bindings, saml-profiles and saml-metadata (March 2005, with approved errata).
package saml
