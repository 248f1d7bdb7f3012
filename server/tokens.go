package server

import (
	"context"
	"fmt"

	"lockstep"
	"lockstep/api"
	"lockstep/audit"
	"lockstep/store"
	"lockstep/token"
)

// tokens shows the store's tokens as the API wants them.
type tokens struct{ db *store.DB }

// FindToken implements api.Tokens.
func (t tokens) FindToken(ctx context.Context, id lockstep.TokenID) (api.TokenEntry, error) {
	k, err := t.db.Token(ctx, id)
	if err != nil {
		return api.TokenEntry{}, err
	}
	if !k.Revoked.IsZero() {
		return api.TokenEntry{}, lockstep.ErrNotFound
	}
	return entry(k), nil
}

func entry(k store.Token) api.TokenEntry {
	return api.TokenEntry{Token: k.Token, Tenant: k.Tenant, Name: k.Name, Created: k.Created, LastUsed: k.LastUsed, FormerUsed: k.FormerUsed, Strict: k.Strict}
}

// UseToken implements api.Tokens.
func (t tokens) UseToken(ctx context.Context, e api.TokenEntry, half token.Half) error {
	err := t.db.TouchToken(ctx, store.Token{Token: e.Token, Tenant: e.Tenant, LastUsed: e.LastUsed, FormerUsed: e.FormerUsed}, half)
	if err != nil {
		return fmt.Errorf("note the use of token %s: %w", e.ID, err)
	}
	return nil
}

// ListTokens implements api.Tokens.
func (t tokens) ListTokens(ctx context.Context, tenant lockstep.TenantID) ([]api.TokenEntry, error) {
	all, err := t.db.Tokens(ctx, tenant)
	var out []api.TokenEntry
	for _, k := range all {
		if k.Revoked.IsZero() {
			out = append(out, entry(k))
		}
	}
	return out, err
}

// PutToken implements api.Tokens.
func (t tokens) PutToken(ctx context.Context, by audit.Actor, e api.TokenEntry) error {
	return t.db.PutToken(ctx, by, store.Token{Token: e.Token, Tenant: e.Tenant, Name: e.Name, Created: e.Created, Strict: e.Strict})
}

// RotateToken implements api.Tokens.
func (t tokens) RotateToken(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, from token.Hash, next token.Token) error {
	return t.db.RotateToken(ctx, by, tenant, from, next)
}

// SetStrict implements api.Tokens.
func (t tokens) SetStrict(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.TokenID, strict bool) error {
	return t.db.SetStrict(ctx, by, tenant, id, strict)
}

// RevokeToken implements api.Tokens.
func (t tokens) RevokeToken(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.TokenID) error {
	return t.db.RevokeToken(ctx, by, tenant, id)
}
