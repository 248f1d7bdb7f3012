package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/sso"
)

// SSO is the database as sign-in sees it, an sso.Store. It is a type of its own because names such as Link and Keys mean other things
// elsewhere.
type SSO struct{ *DB }

var _ sso.Store = SSO{}

// SSO returns the database as an sso.Store.
func (db *DB) SSO() SSO { return SSO{db} }

// Sealed values of sign-in are bound to their row.
func ssoPlace(t lockstep.TenantID, table, column, row string) place {
	return place{tenant: t, table: table, column: column, row: row}
}

// hexOf is how a hash is kept; the zero hash is "".
func hexOf(h sso.Hash) string {
	if h == (sso.Hash{}) {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// hashed256 is the inverse of hexOf.
func hashed256(text string) (sso.Hash, error) {
	if text == "" {
		return sso.Hash{}, nil
	}
	return readHash(text)
}

// words divides what was joined by blanks.
func words(text string) []string { return strings.Fields(text) }

const providerColumns = "id, version, doc, secrets, updated"

func (s SSO) scanProvider(t lockstep.TenantID) func(scanner) (sso.Provider, error) {
	return func(row scanner) (p sso.Provider, err error) {
		var id, doc, secrets string
		var version, updated int64
		if err := row.Scan(&id, &version, &doc, &secrets, &updated); err != nil {
			return p, err
		}
		if err := json.Unmarshal([]byte(doc), &p); err != nil {
			return p, fmt.Errorf("read identity provider %s: %w", id, err)
		}
		p.ID, p.Tenant, p.Version, p.Updated = sso.ProviderID(id), t, version, instant(updated)
		text, err := s.seal.open(ssoPlace(t, "sso_provider", "secrets", id), secrets)
		if err != nil {
			return p, fmt.Errorf("open the secrets of identity provider %s: %w", p.Alias, err)
		}
		return p, json.Unmarshal([]byte(text), &p.Secrets)
	}
}

// Provider implements sso.Providers.
func (s SSO) Provider(ctx context.Context, t lockstep.TenantID, id sso.ProviderID) (sso.Provider, error) {
	rows, err := s.query(ctx, "SELECT "+providerColumns+" FROM sso_provider WHERE tenant = $1 AND id = $2", string(t), string(id))
	p, err := one(rows, err, s.scanProvider(t))
	return p, absent(err, "identity provider", string(id))
}

// ProviderByAlias implements sso.Providers.
func (s SSO) ProviderByAlias(ctx context.Context, t lockstep.TenantID, alias string) (sso.Provider, error) {
	rows, err := s.query(ctx, "SELECT "+providerColumns+" FROM sso_provider WHERE tenant = $1 AND alias = $2", string(t), alias)
	p, err := one(rows, err, s.scanProvider(t))
	return p, absent(err, "identity provider", alias)
}

// Providers implements sso.Providers. There are few of them.
func (s SSO) Providers(ctx context.Context, t lockstep.TenantID) ([]sso.Provider, error) {
	rows, err := s.query(ctx, "SELECT "+providerColumns+" FROM sso_provider WHERE tenant = $1 ORDER BY id", string(t))
	all, err := collect(rows, err, s.scanProvider(t))
	if err != nil {
		return nil, fmt.Errorf("read identity providers: %w", err)
	}
	sso.SortProviders(all)
	return all, nil
}

// PutProvider implements sso.Providers.
func (s SSO) PutProvider(ctx context.Context, by audit.Actor, p sso.Provider) (sso.Provider, error) {
	return s.putProvider(ctx, by, p, string(p.State))
}

// putProvider is PutProvider with what the audit log says of it.
func (s SSO) putProvider(ctx context.Context, by audit.Actor, p sso.Provider, detail string) (sso.Provider, error) {
	kept := p
	kept.Secrets = nil
	doc, err := json.Marshal(kept)
	if err != nil {
		return p, err
	}
	if p.Secrets == nil {
		p.Secrets = map[string]string{}
	}
	text, err := json.Marshal(p.Secrets)
	if err != nil {
		return p, err
	}
	sealed, err := s.seal.seal(ssoPlace(p.Tenant, "sso_provider", "secrets", string(p.ID)), string(text))
	if err != nil {
		return p, fmt.Errorf("keep identity provider %s: %w", p.Alias, err)
	}
	err = s.write(ctx, &work{tenant: p.Tenant, rows: 3, run: func(t *tx) error {
		if err := t.known(p.Tenant); err != nil {
			return err
		}
		disables, err := t.disables(p)
		if err != nil {
			return err
		}
		verb, args := "created", []any{string(p.Tenant), string(p.ID), p.Version, p.Alias, string(doc), sealed, millis(t.at), p.State == sso.Enabled, p.Demands() == sso.DemandRequired || p.Demands() == sso.DemandOwn}
		text := "INSERT INTO sso_provider (tenant, id, version, alias, doc, secrets, updated, enabled, demanded, epoch) VALUES ($1, $2, $3 + 1, $4, $5, $6, $7, $8, $9, 0)"
		if p.Version != 0 {
			verb = "updated"
			text = `UPDATE sso_provider SET version = version + 1, alias = $4, doc = $5, secrets = $6, updated = $7, enabled = $8, demanded = $9, epoch = epoch + $10
				WHERE tenant = $1 AND id = $2 AND version = $3`
			args = append(args, disables)
		}
		n, err := t.exec(text, args...)
		if _, is := t.db.dialect.unique(err); is {
			return taken("There is an identity provider with the alias %s.", p.Alias)
		}
		if err == nil && n == 0 {
			err = &lockstep.Error{Code: lockstep.CodeVersion, Detail: "The identity provider " + p.Alias + " was changed or removed meanwhile."}
		}
		if err == nil && disables > 0 {
			err = t.providerEnds(p.Tenant, p.ID, "identity provider disabled")
		}
		p.Updated = t.at
		t.note(audit.Event{Actor: by, Verb: verb, Object: "identity provider", ID: string(p.ID), Name: p.Alias, Detail: detail})
		return err
	}})
	if err != nil {
		return p, fmt.Errorf("keep identity provider %s: %w", p.Alias, err)
	}
	p.Version++
	return p, nil
}

// disables is 1 when keeping a provider means that it may be used no more, which it might until now.
func (t *tx) disables(p sso.Provider) (int64, error) {
	if p.Version == 0 || p.State == sso.Enabled {
		return 0, nil
	}
	rows, err := t.query("SELECT 1 FROM sso_provider WHERE tenant = $1 AND id = $2 AND version = $3 AND enabled = TRUE", string(p.Tenant), string(p.ID), p.Version)
	found, err := collect(rows, err, scanInt)
	return int64(len(found)), err
}

// DeleteProvider implements sso.Providers. Its links and what was begun through it are removed afterwards, in pages (spread).
func (s SSO) DeleteProvider(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id sso.ProviderID) error {
	err := s.write(ctx, &work{tenant: tenant, rows: 3, run: func(t *tx) error {
		rows, err := t.query("DELETE FROM sso_provider WHERE tenant = $1 AND id = $2 RETURNING alias", string(tenant), string(id))
		alias, err := one(rows, err, scanText)
		if err != nil {
			return absent(err, "identity provider", string(id))
		}
		if _, err := t.exec("DELETE FROM sso_watched WHERE tenant = $1 AND provider = $2", string(tenant), string(id)); err != nil {
			return err
		}
		t.note(audit.Event{Actor: by, Verb: "deleted", Object: "identity provider", ID: string(id), Name: alias})
		return t.providerEnds(tenant, id, "identity provider removed")
	}})
	if err != nil {
		return fmt.Errorf("remove identity provider %s: %w", id, err)
	}
	return nil
}

const clientColumns = "id, version, doc, secret, former, former_ends, created, updated"

func scanClient(t lockstep.TenantID) func(scanner) (sso.Client, error) {
	return func(row scanner) (c sso.Client, err error) {
		var id, doc, secret, former string
		var version, ends, created, updated int64
		if err := row.Scan(&id, &version, &doc, &secret, &former, &ends, &created, &updated); err != nil {
			return c, err
		}
		if err := json.Unmarshal([]byte(doc), &c); err != nil {
			return c, fmt.Errorf("read client %s: %w", id, err)
		}
		c.ID, c.Tenant, c.Version, c.Created, c.Updated, c.Former.Ends = sso.ClientID(id), t, version, instant(created), instant(updated), instant(ends)
		if c.Secret, err = hashed256(secret); err == nil {
			c.Former.Hash, err = hashed256(former)
		}
		return c, err
	}
}

// Client implements sso.Clients.
func (s SSO) Client(ctx context.Context, t lockstep.TenantID, id sso.ClientID) (sso.Client, error) {
	rows, err := s.query(ctx, "SELECT "+clientColumns+" FROM sso_client WHERE tenant = $1 AND id = $2", string(t), string(id))
	c, err := one(rows, err, scanClient(t))
	return c, absent(err, "client", string(id))
}

// ClientByEntity implements sso.Clients.
func (s SSO) ClientByEntity(ctx context.Context, t lockstep.TenantID, entity string) (sso.Client, error) {
	rows, err := s.query(ctx, "SELECT "+clientColumns+" FROM sso_client WHERE tenant = $1 AND entity = $2 AND entity <> ''", string(t), entity)
	c, err := one(rows, err, scanClient(t))
	return c, absent(err, "client", entity)
}

// Clients implements sso.Clients.
func (s SSO) Clients(ctx context.Context, t lockstep.TenantID) ([]sso.Client, error) {
	rows, err := s.query(ctx, "SELECT "+clientColumns+" FROM sso_client WHERE tenant = $1 ORDER BY id", string(t))
	all, err := collect(rows, err, scanClient(t))
	if err != nil {
		return nil, fmt.Errorf("read clients: %w", err)
	}
	return all, nil
}

// PutClient implements sso.Clients.
func (s SSO) PutClient(ctx context.Context, by audit.Actor, what string, c sso.Client) (sso.Client, error) {
	kept := c
	kept.Secret, kept.Former = sso.Hash{}, sso.Client{}.Former
	doc, err := json.Marshal(kept)
	if err != nil {
		return c, err
	}
	err = s.write(ctx, &work{tenant: c.Tenant, rows: 2, run: func(t *tx) error {
		if err := t.known(c.Tenant); err != nil {
			return err
		}
		args := []any{
			string(c.Tenant), string(c.ID), c.Version, string(doc), hexOf(c.Secret), hexOf(c.Former.Hash), millis(c.Former.Ends), c.Told(), millis(t.at),
			c.RevocationURI, c.Entity(),
		}
		text := `INSERT INTO sso_client (tenant, id, version, doc, secret, former, former_ends, logout_uri, created, updated, revocation_uri, entity)
			VALUES ($1, $2, $3 + 1, $4, $5, $6, $7, $8, $9, $9, $10, $11)`
		if c.Version != 0 {
			text = `UPDATE sso_client SET version = version + 1, doc = $4, secret = $5, former = $6, former_ends = $7, logout_uri = $8, updated = $9, revocation_uri = $10, entity = $11
				WHERE tenant = $1 AND id = $2 AND version = $3`
		} else {
			c.Created = t.at
		}
		n, err := t.exec(text, args...)
		if _, is := t.db.dialect.unique(err); is {
			if c.Entity() != "" {
				return taken("There is a client with the id %s, or the entity ID %s.", c.ID, c.Entity())
			}
			return taken("There is a client with the id %s.", c.ID)
		}
		if err == nil && n == 0 {
			err = &lockstep.Error{Code: lockstep.CodeVersion, Detail: "The client " + string(c.ID) + " was changed or removed meanwhile."}
		}
		c.Updated = t.at
		t.note(audit.Event{Actor: by, Verb: what, Object: "client", ID: string(c.ID), Name: c.Name})
		return err
	}})
	if err != nil {
		return c, fmt.Errorf("keep client %s: %w", c.ID, err)
	}
	c.Version++
	return c, nil
}

// DeleteClient implements sso.Clients. What people gave to the client stands on it and ends with it, also for another client of the same id.
func (s SSO) DeleteClient(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id sso.ClientID) error {
	err := s.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		rows, err := t.query("DELETE FROM sso_client WHERE tenant = $1 AND id = $2 RETURNING doc", string(tenant), string(id))
		doc, err := one(rows, err, scanText)
		if err != nil {
			return absent(err, "client", string(id))
		}
		var was struct{ Name string }
		_ = json.Unmarshal([]byte(doc), &was) // without a name the id has to do
		t.note(audit.Event{Actor: by, Verb: "deleted", Object: "client", ID: string(id), Name: was.Name})
		return nil
	}})
	if err != nil {
		return fmt.Errorf("remove client %s: %w", id, err)
	}
	return nil
}

// Once implements sso.Grants.
func (s SSO) Once(ctx context.Context, tenant lockstep.TenantID, use string, h sso.Hash, until time.Time) error {
	return s.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		n, err := t.exec("INSERT INTO sso_once (tenant, what, hash, ends) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, what, hash) DO NOTHING",
			string(tenant), use, hexOf(h), millis(until))
		if err == nil && n == 0 {
			err = taken("The value was used before.")
		}
		return err
	}})
}

// Noted implements sso.Grants.
func (s SSO) Noted(ctx context.Context, tenant lockstep.TenantID, use string, h sso.Hash) (bool, error) {
	rows, err := s.query(ctx, "SELECT hash FROM sso_once WHERE tenant = $1 AND what = $2 AND hash = $3", string(tenant), use, hexOf(h))
	found, err := collect(rows, err, scanText)
	return len(found) > 0, err
}

// Keys implements sso.Records.
func (s SSO) Keys(ctx context.Context, tenant lockstep.TenantID) ([]sso.SigningKey, error) {
	rows, err := s.query(ctx, "SELECT alg, serial, key_id, secret, made, begins, ends FROM sso_key WHERE tenant = $1 ORDER BY alg, serial", string(tenant))
	all, err := collect(rows, err, func(row scanner) (k sso.SigningKey, err error) {
		var sealed string
		var made, begins, ends int64
		if err := row.Scan(&k.Alg, &k.Serial, &k.KeyID, &sealed, &made, &begins, &ends); err != nil {
			return k, err
		}
		k.Made, k.Begins, k.Ends = instant(made), instant(begins), instant(ends)
		text, err := s.seal.open(ssoPlace(tenant, "sso_key", "secret", k.KeyID), sealed)
		k.Secret = []byte(text)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	return all, nil
}

// PutKey implements sso.Records.
func (s SSO) PutKey(ctx context.Context, tenant lockstep.TenantID, k sso.SigningKey, formerEnds time.Time) error {
	sealed, err := s.seal.seal(ssoPlace(tenant, "sso_key", "secret", k.KeyID), string(k.Secret))
	if err != nil {
		return fmt.Errorf("keep a signing key: %w", err)
	}
	err = s.write(ctx, &work{tenant: tenant, rows: 3, run: func(t *tx) error {
		if err := t.known(tenant); err != nil {
			return err
		}
		_, err := t.exec("INSERT INTO sso_key (tenant, alg, serial, key_id, secret, made, begins, ends) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
			string(tenant), string(k.Alg), k.Serial, k.KeyID, sealed, millis(k.Made), millis(k.Begins))
		if _, is := t.db.dialect.unique(err); is {
			return taken("Another node has made that key.")
		}
		if err != nil {
			return err
		}
		t.note(audit.Event{Verb: "created", Object: "signing key", ID: k.KeyID, Name: string(k.Alg)})
		_, err = t.exec("UPDATE sso_key SET ends = $4 WHERE tenant = $1 AND alg = $2 AND serial = $3 - 1", string(tenant), string(k.Alg), k.Serial, millis(formerEnds))
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep a signing key: %w", err)
	}
	return nil
}

// Trace implements sso.Records.
func (s SSO) Trace(ctx context.Context, tenant lockstep.TenantID, id sso.LoginID) (sso.Trace, error) {
	rows, err := s.query(ctx, "SELECT doc FROM sso_trace WHERE tenant = $1 AND id = $2", string(tenant), string(id))
	doc, err := one(rows, err, scanText)
	var tr sso.Trace
	if err != nil {
		return tr, absent(err, "login", string(id))
	}
	return tr, json.Unmarshal([]byte(doc), &tr)
}

// putTrace keeps what happened in a login.
func (t *tx) putTrace(tenant lockstep.TenantID, tr sso.Trace) error {
	doc, err := json.Marshal(tr)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO sso_trace (tenant, id, at, doc) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant, id) DO UPDATE SET at = excluded.at, doc = excluded.doc`, string(tenant), string(tr.ID), millis(t.at), string(doc))
	return err
}

// errMoved says that a login went on elsewhere.
var errMoved = &lockstep.Error{Code: lockstep.CodeVersion, Detail: "The login went on in another request."}

// Tidy implements sso.Records.
func (s SSO) Tidy(ctx context.Context) error {
	now := s.now()
	day := 24 * time.Hour
	var errs []error
	for _, x := range []struct {
		table, key, old string
		before          time.Time
	}{
		{"sso_login", "tenant, id", "expires < $1", now},
		{"sso_pushed", "tenant, hash", "expires < $1", now},
		{"sso_once", "tenant, what, hash", "ends < $1", now},
		{"sso_session", "tenant, id", "expires < $1", now.Add(-day)},
		{"sso_gift", "tenant, user_id, provider, rule", "until > 0 AND until < $1", now},
		{"sso_refresh", "tenant, hash", "(tenant, grant_id) IN (SELECT tenant, id FROM sso_grant WHERE expires < $1)", now.Add(-day)},
		{"sso_grant", "tenant, id", "expires < $1", now.Add(-day)},
		{"sso_trace", "tenant, id", "at < $1", now.Add(-14 * day)},
		{"sso_notice", "tenant, ending, client, session", "(tenant, ending) IN (SELECT tenant, id FROM sso_ending WHERE settled > 0 AND settled < $1)", now.Add(-90 * day)},
		{"sso_ending", "tenant, id", "settled > 0 AND settled < $1", now.Add(-90 * day)},
		{"sso_key", "tenant, alg, serial", "ends > 0 AND ends < $1", now},
	} {
		err := s.trimmed(ctx, "", func(t *tx) (int64, error) { return t.deleteSome(x.table, x.key, x.old, sweepRows, millis(x.before)) })
		if err != nil {
			errs = append(errs, fmt.Errorf("remove old rows of %s: %w", x.table, err))
		}
	}
	return errors.Join(errs...)
}
