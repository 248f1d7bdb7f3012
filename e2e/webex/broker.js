// A standard OpenID client against Lockstep, which signs people in through somebody else: ISSUER, LOGIN, CLIENT_ID, CLIENT_SECRET, REDIRECT, AFTER, SERVICE, SERVICE_SECRET. END: where people sign out at the other, if it tells.
import assert from 'node:assert/strict'
import * as openid from 'openid-client'
import { Person, did } from './person.js'

const { ISSUER, LOGIN, CLIENT_ID, CLIENT_SECRET, REDIRECT, AFTER, SERVICE, SERVICE_SECRET, END } = process.env
const discover = async (id, auth) => {
  const config = await openid.discovery(new URL(ISSUER), id, undefined, auth, { execute: [openid.allowInsecureRequests] })
  openid.enableNonRepudiationChecks(config) // check signatures with the published keys, too
  return config
}
const config = await discover(CLIENT_ID, openid.ClientSecretBasic(CLIENT_SECRET))
assert.equal(config.serverMetadata().authorization_response_iss_parameter_supported, true)
did('discovery')

const signIn = async (person, parameters = {}, build = openid.buildAuthorizationUrl) => {
  const verifier = openid.randomPKCECodeVerifier()
  const state = openid.randomState()
  const nonce = openid.randomNonce()
  const url = await build(config, {
    redirect_uri: REDIRECT, scope: 'openid email profile', state, nonce,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...parameters
  })
  const back = await person.go(url, REDIRECT)
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
  return { back, exchange: () => openid.authorizationCodeGrant(config, back, checks) }
}

const person = new Person(LOGIN)
const first = await signIn(person)
const tokens = await first.exchange()
const claims = tokens.claims()
assert.equal(claims.iss, ISSUER)
assert.ok(claims.sid && claims.auth_time)
did('signed in through the other, code with PKCE, HTTP Basic, iss, signature of the ID token')

const user = await openid.fetchUserInfo(config, tokens.access_token, claims.sub)
assert.equal(user.email, LOGIN.includes('@') ? LOGIN : user.email)
assert.ok(user.preferred_username)
did('user-info')

const silent = await (await signIn(person, { prompt: 'none' })).exchange()
assert.equal(silent.claims().sid, claims.sid)
did('prompt=none with a session')
await assert.rejects((await signIn(new Person(LOGIN), { prompt: 'none' })).exchange(), { error: 'login_required' })
did('prompt=none without a session')

const pushed = await (await signIn(person, {}, openid.buildAuthorizationUrlWithPAR)).exchange()
assert.equal(pushed.claims().sub, claims.sub)
did('a pushed request')

const next = await openid.refreshTokenGrant(config, tokens.refresh_token)
assert.notEqual(next.refresh_token, tokens.refresh_token)
did('refresh with rotation')
assert.equal((await openid.tokenIntrospection(config, next.access_token)).active, true)
await openid.tokenRevocation(config, silent.refresh_token)
assert.equal((await openid.tokenIntrospection(config, silent.access_token)).active, false)
did('introspection and revocation')
await assert.rejects(first.exchange(), { error: 'invalid_grant' })
await assert.rejects(openid.fetchUserInfo(config, next.access_token, claims.sub), error => error.status === 401)
did('a code used twice ends what it brought')

const service = await discover(SERVICE, openid.ClientSecretPost(SERVICE_SECRET))
const own = await openid.clientCredentialsGrant(service, { scope: 'read' })
assert.equal(own.scope, 'read')
did('client credentials')

const out = openid.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: AFTER, state: 'bye' })
const gone = await person.go(out, AFTER)
assert.equal(gone.searchParams.get('state'), 'bye')
await assert.rejects((await signIn(person, { prompt: 'none' })).exchange(), { error: 'login_required' })
await assert.rejects(openid.refreshTokenGrant(config, pushed.refresh_token), { error: 'invalid_grant' })
did('signed out, here and at the other')

if (END) {
  const left = await (await signIn(person)).exchange()
  await person.go(END, `${END}/success`)
  const gone = async () => {
    try { await openid.fetchUserInfo(config, left.access_token, left.claims().sub) } catch (error) { return error.status === 401 }
  }
  for (let tries = 0; !await gone(); tries++) {
    assert.ok(tries < 100, 'signed out at the other, and still signed in here')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  await assert.rejects(openid.refreshTokenGrant(config, left.refresh_token), { error: 'invalid_grant' })
  did('signed out at the other, which tells')
}

const again = await (await signIn(person)).exchange()
console.log(JSON.stringify({ did: `refresh token ${again.refresh_token}` }))
