package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/token"
)

// Token is a bearer token as it is kept.
type Token struct {
	token.Token
	Tenant   lockstep.TenantID // "" opens the whole installation
	Name     string            // as an administrator calls it
	Created  time.Time         // when PutToken kept it, unless set before
	LastUsed time.Time         // zero is never; kept to the minute or so
	Revoked  time.Time         // zero unless it was revoked
}

const tokenColumns = "id, tenant, kind, name, scopes, hash, created, expires, last_used, revoked"

// PutToken keeps a new token. An id that is known already gives lockstep.ErrConflict.
func (db *DB) PutToken(ctx context.Context, by audit.Actor, k Token) error {
	scopes := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		scopes[i] = string(s)
	}
	err := db.write(ctx, &work{tenant: k.Tenant, rows: 2, run: func(t *tx) error {
		if k.Tenant != "" {
			if err := t.known(k.Tenant); err != nil {
				return err
			}
		}
		created := k.Created
		if created.IsZero() {
			created = t.at
		}
		_, err := t.exec("INSERT INTO token ("+tokenColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)", string(k.ID), string(k.Tenant),
			string(k.Kind), k.Name, strings.Join(scopes, " "), hex.EncodeToString(k.Hash[:]), millis(created), millis(k.Expires))
		if _, is := t.db.dialect.unique(err); is {
			return taken(nil, "There is a token with the id %s.", k.ID)
		}
		t.note(audit.Event{Actor: by, Verb: "created", Object: "token", ID: string(k.ID), Name: k.Name, Detail: strings.Join(scopes, " ")})
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep token %s: %w", k.ID, err)
	}
	return nil
}

// Token returns a token, revoked and expired ones too, or lockstep.ErrNotFound. Whoever asks checks its text, Revoked and
// Tenant.
func (db *DB) Token(ctx context.Context, id lockstep.TokenID) (Token, error) {
	rows, err := db.query(ctx, "SELECT "+tokenColumns+" FROM token WHERE id = $1", string(id))
	k, err := one(rows, err, scanToken)
	return k, absent(err, "token", string(id))
}

// Tokens returns the tokens of a tenant, oldest first; tenant "" has those for the whole installation.
func (db *DB) Tokens(ctx context.Context, tenant lockstep.TenantID) ([]Token, error) {
	rows, err := db.query(ctx, "SELECT "+tokenColumns+" FROM token WHERE tenant = $1 ORDER BY id", string(tenant))
	all, err := collect(rows, err, scanToken)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return all, nil
}

func scanToken(s scanner) (k Token, err error) {
	var scopes, hash string
	var created, expires, used, revoked int64
	if err := s.Scan(&k.ID, &k.Tenant, &k.Kind, &k.Name, &scopes, &hash, &created, &expires, &used, &revoked); err != nil {
		return k, err
	}
	k.Created, k.Expires, k.LastUsed, k.Revoked = instant(created), instant(expires), instant(used), instant(revoked)
	if n, err := hex.Decode(k.Hash[:], []byte(hash)); err != nil || n != len(k.Hash) {
		return k, fmt.Errorf("the hash of token %s cannot be read", k.ID)
	}
	k.Scopes, err = token.ParseScopes(scopes)
	return k, err
}

// RevokeToken ends a token of the tenant at once. An unknown one gives lockstep.ErrNotFound; a revoked one stays as it is.
func (db *DB) RevokeToken(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.TokenID) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		rows, err := t.query("UPDATE token SET revoked = CASE WHEN revoked = 0 THEN $3 ELSE revoked END WHERE tenant = $1 AND id = $2 RETURNING name",
			string(tenant), string(id), millis(t.at))
		name, err := one(rows, err, scanText)
		if err != nil {
			return absent(err, "token", string(id))
		}
		t.note(audit.Event{Actor: by, Verb: "revoked", Object: "token", ID: string(id), Name: name})
		return nil
	}})
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	return nil
}

// touchEvery is how old LastUsed gets before TouchToken writes: a busy token costs a write a minute, not one a request.
const touchEvery = time.Minute

// TouchToken notes that a token was used, if that has not been noted lately.
func (db *DB) TouchToken(ctx context.Context, k Token) error {
	if db.now().Sub(k.LastUsed) < touchEvery {
		return nil
	}
	return db.write(ctx, &work{tenant: k.Tenant, rows: 1, run: func(t *tx) error {
		_, err := t.exec("UPDATE token SET last_used = $2 WHERE id = $1 AND last_used < $2", string(k.ID), millis(t.at))
		return err
	}})
}
