// A relying party by openid-client, as its authors show it, that does what it is told over HTTP: ID, SECRET. Whoever signs in is one person with one browser for each issuer.
import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as openid from 'openid-client'

const { ID, SECRET } = process.env
const people = new Map() // who is signed in, by issuer
const event = 'http://schemas.openid.net/event/backchannel-logout'
let site

const configured = async issuer => {
  const config = await openid.discovery(new URL(issuer), ID, undefined, openid.ClientSecretBasic(SECRET), { execute: [openid.allowInsecureRequests] })
  openid.enableNonRepudiationChecks(config) // the signature is looked at, too
  return config
}
const follow = async address => {
  const answer = await fetch(address, { redirect: 'manual' })
  const to = answer.headers.get('location')
  if (!to) throw new Error(`${answer.status} ${await answer.text()}`)
  return new URL(to, address)
}
const does = {
  '/signin': async issuer => {
    const config = await configured(issuer)
    const verifier = openid.randomPKCECodeVerifier()
    const checks = { pkceCodeVerifier: verifier, expectedState: openid.randomState(), expectedNonce: openid.randomNonce(), idTokenExpected: true }
    const back = await follow(openid.buildAuthorizationUrl(config, {
      redirect_uri: `${site}/callback`, scope: 'openid email profile', state: checks.expectedState, nonce: checks.expectedNonce,
      code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256'
    }))
    const tokens = await openid.authorizationCodeGrant(config, back, checks)
    const claims = tokens.claims()
    await openid.fetchUserInfo(config, tokens.access_token, claims.sub)
    people.set(issuer, { config, sub: claims.sub, sid: claims.sid, idToken: tokens.id_token })
    return {}
  },
  '/signout': async issuer => {
    const { config, idToken } = people.get(issuer)
    people.delete(issuer)
    const state = openid.randomState()
    const back = await follow(openid.buildEndSessionUrl(config, { id_token_hint: idToken, post_logout_redirect_uri: `${site}/bye`, state }))
    if (back.searchParams.get('state') !== state) throw new Error('another state came back')
    return {}
  },
  // OpenID Connect Back-Channel Logout 1.0 §2.6
  '/tell': async (issuer, token) => {
    const { config } = people.get(issuer)
    try {
      const { issuer: iss, jwks_uri: keys } = config.serverMetadata()
      const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(keys)), { issuer: iss, audience: ID, typ: 'logout+jwt', algorithms: ['RS256'] })
      if (!payload.events?.[event] || payload.nonce) throw new Error('this is no logout token')
      if (people.get(issuer).sid === payload.sid) people.delete(issuer)
      return { status: 200, stands: people.has(issuer) }
    } catch (error) {
      return { status: 400, stands: people.has(issuer) }
    }
  }
}

const server = createServer(async (request, answer) => {
  const { pathname, searchParams } = new URL(request.url, site)
  let says
  try {
    says = { done: true, ...await does[pathname](searchParams.get('issuer'), searchParams.get('token')) }
  } catch (error) {
    says = { why: error.code ?? error.message }
  }
  answer.setHeader('content-type', 'application/json')
  answer.end(JSON.stringify(says))
})
server.listen(0, '127.0.0.1', () => {
  site = `http://127.0.0.1:${server.address().port}`
  console.log(`ready ${site}`)
})
