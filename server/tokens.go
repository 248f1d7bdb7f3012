package server

import (
	"context"
	"fmt"

	"lockstep"
	"lockstep/audit"
	"lockstep/operate"
	"lockstep/session"
	"lockstep/store"
	"lockstep/token"
)

// Tokens shows the store's tokens as package operate wants them.
type Tokens struct{ DB *store.DB }

// FindToken implements operate.Tokens.
func (t Tokens) FindToken(ctx context.Context, id lockstep.TokenID) (operate.TokenEntry, error) {
	k, err := t.DB.Token(ctx, id)
	if err != nil {
		return operate.TokenEntry{}, err
	}
	if !k.Revoked.IsZero() {
		return operate.TokenEntry{}, lockstep.ErrNotFound
	}
	return entry(k), nil
}

func entry(k store.Token) operate.TokenEntry {
	return operate.TokenEntry{Token: k.Token, Tenant: k.Tenant, Maker: k.Maker, Person: session.Person{User: k.MakerUser, Owner: k.MakerOwner}, Name: k.Name, Created: k.Created, LastUsed: k.LastUsed, FormerUsed: k.FormerUsed, Profile: k.Profile, OAuth: k.OAuth, Product: k.Product, Rate: k.Rate}
}

// UseToken implements operate.Tokens.
func (t Tokens) UseToken(ctx context.Context, e operate.TokenEntry, half token.Half) error {
	err := t.DB.TouchToken(ctx, store.Token{Token: e.Token, Tenant: e.Tenant, LastUsed: e.LastUsed, FormerUsed: e.FormerUsed}, half)
	if err != nil {
		return fmt.Errorf("note the use of token %s: %w", e.ID, err)
	}
	return nil
}

// ListTokens implements operate.Tokens.
func (t Tokens) ListTokens(ctx context.Context, tenant lockstep.TenantID) ([]operate.TokenEntry, error) {
	all, err := t.DB.Tokens(ctx, tenant)
	var out []operate.TokenEntry
	for _, k := range all {
		if k.Revoked.IsZero() {
			out = append(out, entry(k))
		}
	}
	return out, err
}

// PutToken implements operate.Tokens.
func (t Tokens) PutToken(ctx context.Context, by audit.Actor, e operate.TokenEntry) error {
	return t.DB.PutToken(ctx, by, store.Token{Token: e.Token, Tenant: e.Tenant, Maker: e.Maker, MakerUser: e.Person.User, MakerOwner: e.Person.Owner, Name: e.Name, Created: e.Created, Profile: e.Profile, OAuth: e.OAuth, Product: e.Product, Rate: e.Rate})
}

// RotateToken implements operate.Tokens.
func (t Tokens) RotateToken(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, from token.Hash, next token.Token) error {
	return t.DB.RotateToken(ctx, by, tenant, from, next)
}

// SetToken implements operate.Tokens.
func (t Tokens) SetToken(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.TokenID, change func(*operate.TokenEntry) error) (operate.TokenEntry, error) {
	k, err := t.DB.SetToken(ctx, by, tenant, id, func(k *store.Token) error {
		e := entry(*k)
		err := change(&e)
		k.Profile, k.Product, k.Rate = e.Profile, e.Product, e.Rate
		return err
	})
	return entry(k), err
}

// RevokeToken implements operate.Tokens.
func (t Tokens) RevokeToken(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.TokenID) error {
	return t.DB.RevokeToken(ctx, by, tenant, id)
}
