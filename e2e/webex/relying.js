// An application that signs people in by openid-client, as its authors show it, and takes logout tokens.
import { createServer } from 'node:http'
import { randomUUID } from 'node:crypto'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as openid from 'openid-client'

const html = body => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Recorder</title><link rel="icon" href="data:,"></head><body><main>${body}</main></body></html>`
const escaped = text => text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`)

export const relying = async name => {
  const pending = new Map() // what a sign-in that has begun has to bring back, by state
  const sessions = new Map() // by cookie
  const app = { name, told: [], sessions }
  let config
  const mine = `${name.toLowerCase()}=` // cookies know no ports
  const cookie = request => (request.headers.cookie ?? '').split('; ').find(c => c.startsWith(mine))?.slice(mine.length)
  const body = async request => {
    let all = ''
    for await (const part of request) all += part
    return new URLSearchParams(all)
  }
  const routes = {
    '/': (request, answer) => {
      const session = sessions.get(cookie(request))
      answer.setHeader('content-type', 'text/html; charset=utf-8')
      answer.end(html(`<h1>${name}</h1>` + (session
        ? `<p>You are signed in as ${escaped(session.email)}.</p><p><a href="/signout">Sign out</a></p>`
        : '<p>You are not signed in.</p><p><a href="/signin">Sign in</a></p>')))
    },
    '/signin': async (request, answer) => {
      const verifier = openid.randomPKCECodeVerifier()
      const state = openid.randomState()
      const nonce = openid.randomNonce()
      pending.set(state, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true })
      answer.setHeader('location', openid.buildAuthorizationUrl(config, {
        redirect_uri: app.callback, scope: 'openid email profile', state, nonce, code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256'
      }).href)
      answer.writeHead(303).end()
    },
    '/callback': async (request, answer) => {
      const back = new URL(request.url, app.url)
      const checks = pending.get(back.searchParams.get('state'))
      pending.delete(back.searchParams.get('state'))
      const tokens = await openid.authorizationCodeGrant(config, back, checks)
      const claims = tokens.claims()
      const user = await openid.fetchUserInfo(config, tokens.access_token, claims.sub)
      const id = randomUUID()
      sessions.set(id, { sid: claims.sid, sub: claims.sub, email: user.email, idToken: tokens.id_token })
      answer.setHeader('set-cookie', `${mine}${id}; HttpOnly; SameSite=Lax; Path=/`)
      answer.setHeader('location', '/')
      answer.writeHead(303).end()
    },
    '/signout': (request, answer) => {
      const session = sessions.get(cookie(request))
      sessions.delete(cookie(request))
      answer.setHeader('location', openid.buildEndSessionUrl(config, { id_token_hint: session.idToken, post_logout_redirect_uri: app.url + '/' }).href)
      answer.writeHead(303).end()
    },
    // OpenID Connect Back-Channel Logout 1.0 §2.6
    '/backchannel': async (request, answer) => {
      const { issuer, jwks_uri: keys } = config.serverMetadata()
      const { payload } = await jwtVerify((await body(request)).get('logout_token'), createRemoteJWKSet(new URL(keys)), { issuer, audience: config.clientMetadata().client_id, typ: 'logout+jwt' })
      if (!payload.events['http://schemas.openid.net/event/backchannel-logout'] || payload.nonce) throw new Error('this is no logout token')
      for (const [id, session] of sessions) if (payload.sid ? session.sid === payload.sid : session.sub === payload.sub) sessions.delete(id)
      app.told.push(payload.sid ?? payload.sub)
      answer.setHeader('cache-control', 'no-store')
      answer.writeHead(200).end()
    }
  }
  const server = createServer(async (request, answer) => {
    try {
      await (routes[new URL(request.url, app.url).pathname] ?? (() => answer.writeHead(404).end()))(request, answer)
    } catch (error) {
      console.error(name, error)
      answer.writeHead(500).end(String(error))
    }
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  app.url = `http://localhost:${server.address().port}`
  app.callback = `${app.url}/callback`
  app.backchannel = `http://127.0.0.1:${server.address().port}/backchannel`
  app.configure = async (issuer, id, secret) => {
    config = await openid.discovery(new URL(issuer), id, undefined, openid.ClientSecretBasic(secret), { execute: [openid.allowInsecureRequests] })
    openid.enableNonRepudiationChecks(config)
  }
  app.close = () => server.close()
  return app
}
