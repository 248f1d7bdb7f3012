// Okta as a SCIM client with OAuth 2 (authorization code), played by openid-client: an administrator consents once, and it refreshes from then on. SCIM, ID, SECRET, REDIRECT, ADMIN,
// PERSON (who has no role), PASSWORD (of both). The last line is an access token.
import assert from 'node:assert/strict'
import * as openid from 'openid-client'
import { Person, did } from './person.js'

const { SCIM, ID, SECRET, REDIRECT, ADMIN, PERSON, PASSWORD } = process.env

const challenge = (await fetch(`${SCIM}/Users`)).headers.get('www-authenticate')
const resource = await (await fetch(/resource_metadata="([^"]+)"/.exec(challenge)[1])).json()
const config = await openid.discovery(new URL(resource.authorization_servers[0]), ID, undefined, openid.ClientSecretPost(SECRET), { execute: [openid.allowInsecureRequests], algorithm: 'oauth2' })
const server = config.serverMetadata()
assert(server.grant_types_supported.includes('authorization_code') && server.grant_types_supported.includes('refresh_token'))
assert(server.scopes_supported.includes('scim') && resource.scopes_supported.includes('scim') && server.protected_resources.includes(SCIM))
did('from the SCIM address to the authorization endpoint')

const ask = async (who, parameters = {}) => {
  const state = openid.randomState()
  const back = await new Person(who, PASSWORD).go(openid.buildAuthorizationUrl(config, { redirect_uri: REDIRECT, state, ...parameters }), REDIRECT)
  return openid.authorizationCodeGrant(config, back, { expectedState: state })
}
const call = async (token, method = 'GET', path = '/Users', body) =>
  await openid.fetchProtectedResource(config, token, new URL(SCIM + path), method, body && JSON.stringify(body), new Headers(body ? { 'content-type': 'application/scim+json' } : {}))

const tokens = await ask(ADMIN, { scope: 'scim' })
assert.equal(tokens.scope, 'scim')
assert.equal(tokens.id_token, undefined)
did('an administrator consents')
assert.equal((await call(tokens.access_token, 'POST', '/Users', { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: 'from-okta' })).status, 201)
did('a person is created')

const next = await openid.refreshTokenGrant(config, tokens.refresh_token)
assert.notEqual(next.refresh_token, tokens.refresh_token)
const list = await (await call(next.access_token)).json()
assert(list.Resources.some(u => u.userName === 'from-okta'))
did('refreshed, and read')
const about = await (await call(next.access_token, 'GET', '/ServiceProviderConfig')).json()
assert.equal(about.authenticationSchemes[0].type, 'oauth2')
did('authenticationSchemes has oauth2')

const second = await ask(ADMIN) // no scope is asked for
assert.equal((await call(second.access_token)).status, 200)
await openid.tokenRevocation(config, second.refresh_token)
for (const ends = Date.now() + 60_000; ; await new Promise(resolve => setTimeout(resolve, 100))) { // within a second, on a machine that has time
  const status = await call(second.access_token).then(answer => answer.status, e => e.status)
  if (status === 401) break
  assert(Date.now() < ends, `still answered ${status}`)
}
did('without a scope, and revoked')

await assert.rejects(ask(PERSON, { scope: 'scim' }), /You may not let this application in/)
did('who has no role cannot consent')
did(next.access_token)
