// A standard OpenID client against the id broker: BASE, DOOR, LOGIN, CLIENT_ID, CLIENT_SECRET, REDIRECT.
import assert from 'node:assert/strict'
import * as openid from 'openid-client'
import { Person, did } from './person.js'

const { BASE, DOOR, LOGIN, CLIENT_ID, CLIENT_SECRET, REDIRECT } = process.env
const insecure = BASE.startsWith('http:') ? [openid.allowInsecureRequests] : []

const discover = async (auth, door = DOOR) => {
  const config = await openid.discovery(new URL(`${BASE}${door}/idb`), CLIENT_ID, undefined, auth, { execute: insecure })
  openid.enableNonRepudiationChecks(config) // check signatures with the published keys, too
  return config
}

// signIn goes through the authorization code grant with PKCE, and returns what is needed to do it wrong.
const signIn = async (config, person, parameters = {}) => {
  const verifier = openid.randomPKCECodeVerifier()
  const state = openid.randomState()
  const nonce = openid.randomNonce()
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT, scope: 'openid email profile phone', state, nonce,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...parameters
  })
  const back = await person.go(url)
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
  return { back, checks, exchange: () => openid.authorizationCodeGrant(config, back, checks) }
}

const person = new Person(LOGIN)
const basic = await discover(openid.ClientSecretBasic(CLIENT_SECRET))
did('discovery')

const first = await signIn(basic, person)
const tokens = await first.exchange()
const claims = tokens.claims()
assert.equal(claims.iss, `${BASE}${DOOR}/idb`)
assert.equal(tokens.expires_in, 1209600)
assert.equal(claims.email, undefined) // the ID token has claims of openid alone
did('code and PKCE, HTTP Basic, signature of the ID token')

const user = await openid.fetchUserInfo(basic, tokens.access_token, claims.sub)
assert.equal(user.email, LOGIN)
assert.equal(user.email_verified, 'true') // a text at Webex
did('user-info')

const refreshed = await openid.refreshTokenGrant(basic, tokens.refresh_token)
assert.notEqual(refreshed.refresh_token, tokens.refresh_token)
await openid.fetchUserInfo(basic, refreshed.access_token, claims.sub)
await openid.fetchUserInfo(basic, tokens.access_token, claims.sub)
did('refresh with rotation')
await assert.rejects(openid.refreshTokenGrant(basic, tokens.refresh_token), { error: 'invalid_grant' })
await assert.rejects(openid.fetchUserInfo(basic, refreshed.access_token, claims.sub), error => error.status === 401)
did('a refresh token used twice ends everything')

const post = await discover(openid.ClientSecretPost(CLIENT_SECRET))
const second = await signIn(post, person)
const kept = await second.exchange()
did('client secret in the body')
await assert.rejects(second.exchange(), { error: 'invalid_grant' })
await assert.rejects(openid.fetchUserInfo(post, kept.access_token, claims.sub), error => error.status === 401)
did('a code used twice ends what it brought')

const open = await discover(openid.None())
await (await signIn(open, person)).exchange()
did('a client without a secret, by PKCE')
const third = await signIn(open, person)
await assert.rejects(openid.authorizationCodeGrant(open, third.back, { ...third.checks, pkceCodeVerifier: openid.randomPKCECodeVerifier() }), { error: 'invalid_grant' })
did('another code verifier is refused')
const wrong = await discover(openid.ClientSecretPost('wrong'))
const fourth = await signIn(wrong, person)
await assert.rejects(fourth.exchange(), { error: 'invalid_client' })
did('a wrong secret is refused')

const unknown = await signIn(basic, person, { scope: 'openid spark-admin:people_write' })
await assert.rejects(unknown.exchange(), { error: 'invalid_scope' })
did('a scope that is not registered is refused')
const silent = await signIn(basic, new Person(LOGIN), { prompt: 'none' })
await assert.rejects(silent.exchange(), { error: 'login_required' })
did('prompt=none without a session')
await (await signIn(basic, person, { prompt: 'none' })).exchange()
did('prompt=none with a session')

const implicit = await discover(openid.None())
openid.useIdTokenResponseType(implicit)
const nonce = openid.randomNonce()
const state = openid.randomState()
const fragment = await person.go(openid.buildAuthorizationUrl(implicit, { redirect_uri: REDIRECT, scope: 'openid', nonce, state }))
assert.equal((await openid.implicitAuthentication(implicit, fragment, nonce, { expectedState: state })).sub, claims.sub)
did('implicit ID token')

const last = await (await signIn(basic, person)).exchange()
await openid.tokenRevocation(basic, last.refresh_token)
await assert.rejects(openid.fetchUserInfo(basic, last.access_token, claims.sub), error => error.status === 401)
did('revocation')

const metadata = { ...basic.serverMetadata(), device_authorization_endpoint: `${BASE}${DOOR}/v1/device/authorize` } // Webex does not publish it
const device = new openid.Configuration(metadata, CLIENT_ID, undefined, openid.ClientSecretBasic(CLIENT_SECRET))
insecure.forEach(allow => allow(device))
const started = await openid.initiateDeviceAuthorization(device, { scope: 'cjp:user' })
const polled = openid.pollDeviceAuthorizationGrant(device, started)
await person.go(started.verification_uri_complete).catch(error => { if (!/is connected/.test(error.message)) throw error })
assert.ok((await polled).access_token)
did('device grant')

if (DOOR && !process.env.TRAP) { // whoever comes by the door of another region gets the issuer of their own, which strict clients refuse
  const config = await discover(openid.ClientSecretBasic(CLIENT_SECRET), '')
  const elsewhere = await signIn(config, new Person(LOGIN))
  await assert.rejects(elsewhere.exchange(), error => error.cause?.cause?.claim === 'iss')
  did('the issuer trap')
}
