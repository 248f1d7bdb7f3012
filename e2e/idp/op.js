// An OpenID Provider that is not ours (oidc-provider, from npm), on loopback: REDIRECT, SECRET, PUBLIC_JWK, and LOGOUT if it is to tell of sign-outs. Whoever comes is u-1 and consents. After a
// request for /change it has other keys and another token endpoint, as after an upgrade.
import http from 'node:http'
import * as jose from 'jose'
import Provider from 'oidc-provider'

const { REDIRECT, SECRET, PUBLIC_JWK, LOGOUT } = process.env
const server = http.createServer()
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const client = (client_id, token_endpoint_auth_method, more = {}) => ({
    client_id, token_endpoint_auth_method, redirect_uris: [REDIRECT], post_logout_redirect_uris: [REDIRECT], grant_types: ['authorization_code'], response_types: ['code'],
    ...(/secret/.test(token_endpoint_auth_method) ? { client_secret: SECRET } : {}),
    ...(LOGOUT ? { backchannel_logout_uri: LOGOUT, backchannel_logout_session_required: true } : {}), ...more
  })
  const make = async routes => {
    const keys = []
    for (const alg of ['RS256', 'ES256', 'PS256']) {
      const { privateKey } = await jose.generateKeyPair(alg, { extractable: true })
      keys.push({ ...await jose.exportJWK(privateKey), alg, use: 'sig' })
    }
    return new Provider(issuer, {
      routes,
      clients: [
        client('basic', 'client_secret_basic'), client('post', 'client_secret_post'), client('public', 'none'),
        client('key', 'private_key_jwt', { jwks: { keys: [JSON.parse(PUBLIC_JWK)] }, token_endpoint_auth_signing_alg: 'ES256' }),
        client('es256', 'client_secret_basic', { id_token_signed_response_alg: 'ES256' }),
        client('ps256', 'client_secret_basic', { id_token_signed_response_alg: 'PS256' })
      ],
      jwks: { keys },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name', 'preferred_username'] },
      features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true }, backchannelLogout: { enabled: !!LOGOUT } },
      fetch: (url, { dispatcher, ...options }) => fetch(url, options), // its own refuses loopback
      findAccount: (_, accountId) => ({ accountId, claims: () => ({
        sub: accountId, email: 'ada@example.com', email_verified: true, name: 'Ada Lovelace', given_name: 'Ada', family_name: 'Lovelace', preferred_username: 'ada'
      }) }),
      interactions: { url: (_, i) => `/interaction/${i.uid}` },
      pkce: { required: () => true }
    })
  }
  let provider = await make({})
  let listen = provider.callback()
  server.on('request', async (req, res) => {
    if (req.url === '/change') {
      provider = await make({ token: '/v2/token' })
      listen = provider.callback()
      return res.end()
    }
    if (!req.url.startsWith('/interaction/')) return listen(req, res)
    const { prompt, params, session } = await provider.interactionDetails(req, res)
    let result = { login: { accountId: 'u-1', acr: 'gold', amr: ['pwd'] } }
    if (prompt.name === 'consent') {
      const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
      grant.addOIDCScope(params.scope)
      result = { consent: { grantId: await grant.save() } }
    }
    return provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true })
  })
  console.log(`ready ${issuer}`)
})
