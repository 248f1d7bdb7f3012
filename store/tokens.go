package store

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/token"
)

// Token is a bearer token as it is kept.
type Token struct {
	token.Token
	Tenant lockstep.TenantID // "" opens the whole installation
	Maker  lockstep.TokenID  // the token that it was made with; "" is none

	MakerUser  lockstep.UserID // the administrator who has made it; "" is none
	MakerOwner string          // or the local owner

	Name     string    // as an administrator calls it
	Created  time.Time // when PutToken kept it, unless set before
	LastUsed time.Time // zero is never; kept to the minute or so
	Revoked  time.Time // zero unless it was revoked
	// FormerUsed is when the secret of before the last rotation was used last since that rotation; zero is never.
	FormerUsed time.Time
	// Profile is what kind of client a SCIM token was given to; "" is token.Generic.
	Profile token.Profile
	// OAuth is whose access tokens a SCIM client shows; zero is none: it has a secret.
	OAuth token.OAuth
	// Product is which product a SCIM token was given to.
	Product token.Product
	// Rate is how many requests a second a SCIM token may send; 0 is as many as the server lets any.
	Rate float64
}

const tokenColumns = "id, tenant, kind, name, scopes, hash, created, expires, last_used, revoked, former_hash, former_ends, former_used, profile, maker, oauth, maker_user, maker_owner, product, rate"

// PutToken keeps a new token. An id that is known already gives lockstep.ErrConflict.
func (db *DB) PutToken(ctx context.Context, by audit.Actor, k Token) error {
	scopes := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		scopes[i] = string(s)
	}
	oauth, err := oauthText(k.OAuth)
	if err != nil {
		return fmt.Errorf("keep token %s: %w", k.ID, err)
	}
	err = db.write(ctx, &work{tenant: k.Tenant, rows: 2, run: func(t *tx) error {
		if k.Tenant != "" {
			if err := t.known(k.Tenant); err != nil {
				return err
			}
		}
		created := k.Created
		if created.IsZero() {
			created = t.at
		}
		_, err := t.exec("INSERT INTO token ("+tokenColumns+", oauth_of) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, '', 0, 0, $9, $10, $11, $12, $13, $14, $15, $16)", string(k.ID), string(k.Tenant),
			string(k.Kind), k.Name, strings.Join(scopes, " "), hex.EncodeToString(k.Hash[:]), millis(created), millis(k.Expires), string(cmp.Or(k.Profile, token.Generic)), string(k.Maker),
			oauth, string(k.MakerUser), k.MakerOwner, string(k.Product), k.Rate, k.OAuth.Of())
		if _, is := t.db.dialect.unique(err); is {
			return taken("There is a token with the id %s.", k.ID)
		}
		detail := strings.Join(scopes, " ")
		if of := k.OAuth.Of(); of != "" {
			detail += ", by access tokens of the " + of
		}
		t.note(audit.Event{Actor: by, Verb: "created", Object: "token", ID: string(k.ID), Name: k.Name, Detail: detail})
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep token %s: %w", k.ID, err)
	}
	return nil
}

// Token returns a token, revoked and expired ones too, or lockstep.ErrNotFound, also when its tenant is removed. Whoever asks checks its text, Revoked and
// Tenant.
func (db *DB) Token(ctx context.Context, id lockstep.TokenID) (Token, error) {
	rows, err := db.query(ctx, "SELECT "+tokenColumns+" FROM token k WHERE id = $1 AND (tenant = '' OR EXISTS (SELECT 1 FROM tenant t WHERE t.id = k.tenant AND t.removed = 0))", string(id))
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

// TokensBy returns the tenant's tokens that stand for the access tokens of an application or issuer, oldest first; revoked and expired ones,
// too. of is what token.OAuth.Of returns.
func (db *DB) TokensBy(ctx context.Context, tenant lockstep.TenantID, of string) ([]Token, error) {
	rows, err := db.query(ctx, "SELECT "+tokenColumns+" FROM token WHERE tenant = $1 AND oauth_of = $2 AND oauth_of <> '' ORDER BY id", string(tenant), of)
	all, err := collect(rows, err, scanToken)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return all, nil
}

func oauthText(o token.OAuth) (string, error) {
	if o.Zero() {
		return "", nil
	}
	text, err := json.Marshal(o)
	return string(text), err
}

func scanToken(s scanner) (k Token, err error) {
	var scopes, hash, former, oauth string
	var created, expires, used, revoked, ends, formerUsed int64
	err = s.Scan(&k.ID, &k.Tenant, &k.Kind, &k.Name, &scopes, &hash, &created, &expires, &used, &revoked, &former, &ends, &formerUsed, &k.Profile, &k.Maker, &oauth, &k.MakerUser, &k.MakerOwner, &k.Product, &k.Rate)
	if err != nil {
		return k, err
	}
	k.Created, k.Expires, k.LastUsed, k.Revoked = instant(created), instant(expires), instant(used), instant(revoked)
	k.Former.Ends, k.FormerUsed = instant(ends), instant(formerUsed)
	if k.Hash, err = readHash(hash); err == nil && former != "" {
		k.Former.Hash, err = readHash(former)
	}
	if err != nil {
		return k, fmt.Errorf("the hash of token %s cannot be read", k.ID)
	}
	if oauth != "" {
		if err := json.Unmarshal([]byte(oauth), &k.OAuth); err != nil {
			return k, fmt.Errorf("whose access tokens token %s stands for cannot be read", k.ID)
		}
	}
	k.Scopes, err = token.ParseScopes(scopes)
	return k, err
}

func readHash(text string) (h token.Hash, err error) {
	n, err := hex.Decode(h[:], []byte(text))
	if err == nil && n != len(h) {
		err = hex.ErrLength
	}
	return h, err
}

// RotateToken keeps what token.Rotate made of the tenant's token. It gives lockstep.ErrNotFound when there is no such token or
// it was revoked, and lockstep.ErrVersion when it has had another secret meanwhile than the one it was rotated from.
func (db *DB) RotateToken(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, from token.Hash, next token.Token) error {
	former, ends := "", int64(0)
	if !next.Former.Ends.IsZero() {
		former, ends = hex.EncodeToString(next.Former.Hash[:]), millis(next.Former.Ends)
	}
	err := db.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		rows, err := t.query("SELECT "+tokenColumns+" FROM token WHERE tenant = $1 AND id = $2 AND revoked = 0", string(tenant), string(next.ID))
		k, err := one(rows, err, scanToken)
		if err != nil {
			return absent(err, "token", string(next.ID))
		}
		n, err := t.exec(`UPDATE token SET hash = $3, expires = $4, former_hash = $5, former_ends = $6, former_used = 0
			WHERE tenant = $1 AND id = $2 AND revoked = 0 AND hash = $7`,
			string(tenant), string(next.ID), hex.EncodeToString(next.Hash[:]), millis(next.Expires), former, ends, hex.EncodeToString(from[:]))
		if err != nil {
			return err
		}
		if n == 0 {
			return &lockstep.Error{Code: lockstep.CodeVersion, Detail: "Somebody else has rotated the token meanwhile."}
		}
		detail := "the secret of before ends at once"
		if ends != 0 {
			detail = "the secret of before ends at " + next.Former.Ends.UTC().Format(time.RFC3339)
		}
		t.note(audit.Event{Actor: by, Verb: "rotated", Object: "token", ID: string(k.ID), Name: k.Name, Detail: detail})
		return nil
	}})
	if err != nil {
		return fmt.Errorf("rotate token %s: %w", next.ID, err)
	}
	return nil
}

// RevokeToken ends a token of the tenant at once, with both its secrets. An unknown one gives lockstep.ErrNotFound; a revoked one stays as it is.
func (db *DB) RevokeToken(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.TokenID) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		rows, err := t.query("UPDATE token SET revoked = CASE WHEN revoked = 0 THEN $3 ELSE revoked END WHERE tenant = $1 AND id = $2 RETURNING name",
			string(tenant), string(id), millis(t.at))
		name, err := one(rows, err, scanText)
		if err != nil {
			return absent(err, "token", string(id))
		}
		t.note(audit.Event{Actor: by, Verb: "revoked", Object: "token", ID: string(id), Name: name})
		for _, table := range []string{"scim_tally", "scim_call"} {
			if _, err := t.exec("DELETE FROM "+table+" WHERE tenant = $1 AND token = $2", string(tenant), string(id)); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	return nil
}

// SetToken asks change what the profile, product and limit of a token are to become, as it is stored by then, and keeps that. An unknown or
// revoked token gives lockstep.ErrNotFound.
func (db *DB) SetToken(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.TokenID, change func(*Token) error) (next Token, err error) {
	err = db.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		// Whoever changes it on another node waits for this one.
		if _, err := t.exec("UPDATE token SET rate = rate WHERE tenant = $1 AND id = $2", string(tenant), string(id)); err != nil {
			return err
		}
		rows, err := t.query("SELECT "+tokenColumns+" FROM token WHERE tenant = $1 AND id = $2 AND revoked = 0", string(tenant), string(id))
		old, err := one(rows, err, scanToken)
		if err != nil {
			return absent(err, "token", string(id))
		}
		next = old
		if err := change(&next); err != nil {
			return err
		}
		var changes []string
		if old.Profile != next.Profile {
			changes = append(changes, "profile "+string(next.Profile))
		}
		if old.Product != next.Product {
			changes = append(changes, "product "+string(next.Product))
		}
		if old.Rate != next.Rate {
			changes = append(changes, "limit "+strconv.FormatFloat(next.Rate, 'f', -1, 64)+" requests a second")
		}
		if len(changes) == 0 {
			return nil
		}
		_, err = t.exec("UPDATE token SET profile = $3, product = $4, rate = $5 WHERE tenant = $1 AND id = $2", string(tenant), string(id), string(next.Profile), string(next.Product), next.Rate)
		t.note(audit.Event{Actor: by, Verb: "updated", Object: "token", ID: string(id), Name: old.Name, Detail: strings.Join(changes, ", ")})
		return err
	}})
	if err != nil {
		return Token{}, fmt.Errorf("set token %s: %w", id, err)
	}
	return next, nil
}

// touchEvery is how old LastUsed gets before TouchToken writes: a busy token costs a write a minute, not one a request.
const touchEvery = time.Minute

// TouchToken notes that one of a token's secrets was used, if that has not been noted lately.
func (db *DB) TouchToken(ctx context.Context, k Token, half token.Half) error {
	last, text := k.LastUsed, "UPDATE token SET last_used = $2 WHERE id = $1 AND last_used < $2"
	if half == token.Old {
		last, text = k.FormerUsed, "UPDATE token SET last_used = $2, former_used = $2 WHERE id = $1 AND former_used < $2"
	}
	if db.now().Sub(last) < touchEvery {
		return nil
	}
	return db.write(ctx, &work{tenant: k.Tenant, rows: 1, run: func(t *tx) error {
		_, err := t.exec(text, string(k.ID), millis(t.at))
		return err
	}})
}
