// SCIM clients by openid-client: from the address of the endpoint alone to people, by a secret and by a key. SCIM, ID, SECRET, KEY_ID (client IDs), PRIVATE_JWK.
import assert from 'node:assert/strict'
import * as jose from 'jose'
import * as openid from 'openid-client'
import { did } from './person.js'

const { SCIM, ID, SECRET, KEY_ID, PRIVATE_JWK } = process.env
const insecure = { execute: [openid.allowInsecureRequests] }

const challenge = (await fetch(`${SCIM}/Users`)).headers.get('www-authenticate')
const at = /resource_metadata="([^"]+)"/.exec(challenge)[1]
const resource = await (await fetch(at)).json()
assert.equal(resource.resource, SCIM)
assert.deepEqual(resource.scopes_supported, ['scim'])
did('from the challenge to the metadata of the endpoint')

const issuer = new URL(resource.authorization_servers[0])
const discover = (id, auth) => openid.discovery(issuer, id, undefined, auth, { ...insecure, algorithm: 'oauth2' })
const ask = async (config, scope = 'scim') => (await openid.clientCredentialsGrant(config, { scope })).access_token
const call = async (config, token, method = 'GET', path = '/Users', body) =>
  await openid.fetchProtectedResource(config, token, new URL(SCIM + path), method, body && JSON.stringify(body), new Headers(body ? { 'content-type': 'application/scim+json' } : {}))

const secret = await discover(ID, openid.ClientSecretBasic(SECRET))
assert(secret.serverMetadata().scopes_supported.includes('scim'))
did('authorization server metadata (RFC 8414)')

const created = await call(secret, await ask(secret), 'POST', '/Users', { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: 'by-secret' })
assert.equal(created.status, 201)
did('client credentials with a secret')

const jwk = JSON.parse(PRIVATE_JWK)
const key = await jose.importJWK(jwk, 'ES256')
const keyed = await discover(KEY_ID, openid.PrivateKeyJwt({ key, kid: jwk.kid }))
const list = await (await call(keyed, await ask(keyed))).json()
assert(list.Resources.some(u => u.userName === 'by-secret'))
did('client credentials with a key (private_key_jwt)')

const config = await (await call(keyed, await ask(keyed), 'GET', '/ServiceProviderConfig')).json()
assert.equal(config.authenticationSchemes[0].type, 'oauth2')
did('authenticationSchemes has oauth2')

let assertion
const spying = await discover(KEY_ID, openid.PrivateKeyJwt({ key, kid: jwk.kid }))
spying[openid.customFetch] = (url, options) => {
  assertion = new URLSearchParams(options.body).toString()
  return fetch(url, options)
}
await ask(spying)
const again = await fetch(spying.serverMetadata().token_endpoint, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: assertion })
assert.equal(again.status, 401)
did('an assertion that comes again is refused')

await assert.rejects(ask(await discover(ID, openid.ClientSecretBasic('wrong'))), e => e.code === 'OAUTH_WWW_AUTHENTICATE_CHALLENGE' && e.status === 401)
await assert.rejects(ask(secret, 'scim other'), e => e.error === 'invalid_scope')
const bad = await fetch(`${SCIM}/Users`, { headers: { authorization: `Bearer ${await ask(secret)}x` } })
assert.equal(bad.status, 401)
did('wrong ones are refused')
