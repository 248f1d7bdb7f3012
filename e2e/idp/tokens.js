// An authorization server that is not ours (oidc-provider, from npm), on loopback, that gives JWT access tokens (RFC 9068) by client credentials: AUDIENCE, SECRET, PUBLIC_JWK. The client basic
// has the secret, key the key; both may ask for scim.
import http from 'node:http'
import * as jose from 'jose'
import Provider from 'oidc-provider'

const { AUDIENCE, SECRET, PUBLIC_JWK } = process.env
const server = http.createServer()
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const keys = []
  for (const alg of ['RS256', 'ES256']) {
    const { privateKey } = await jose.generateKeyPair(alg, { extractable: true })
    keys.push({ ...await jose.exportJWK(privateKey), alg, use: 'sig' })
  }
  const client = (client_id, more) => ({ client_id, redirect_uris: [], response_types: [], grant_types: ['client_credentials'], scope: 'scim other', ...more })
  const provider = new Provider(issuer, {
    clients: [
      client('basic', { client_secret: SECRET, token_endpoint_auth_method: 'client_secret_basic' }),
      client('key', { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: { keys: [JSON.parse(PUBLIC_JWK)] } })
    ],
    jwks: { keys }, scopes: ['scim', 'other'],
    features: {
      devInteractions: { enabled: false }, clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true, defaultResource: () => AUDIENCE,
        getResourceServerInfo: (_, resource) => ({ scope: 'scim other', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } } })
      }
    }
  })
  server.on('request', provider.callback())
  console.log(`ready ${issuer}`)
})
