// An OpenID Provider that is not ours (oidc-provider, from npm), on loopback, as its authors deliver it, with its own pages for sign-in, consent and sign-out: CLIENTS is a JSON list of
// clients, to which it adds nothing. Any password is right.
import http from 'node:http'
import * as jose from 'jose'
import Provider from 'oidc-provider'

const server = http.createServer()
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true })
  const provider = new Provider(issuer, {
    clients: JSON.parse(process.env.CLIENTS),
    jwks: { keys: [{ ...await jose.exportJWK(privateKey), kid: 'k1', alg: 'RS256', use: 'sig' }] },
    cookies: { keys: ['a key of the control'], long: { sameSite: 'none' } },
    claims: {
      openid: ['sub'], email: ['email', 'email_verified'], address: ['address'], phone: ['phone_number', 'phone_number_verified'],
      profile: ['name', 'given_name', 'family_name', 'preferred_username']
    },
    features: { claimsParameter: { enabled: true }, rpInitiatedLogout: { enabled: true }, backchannelLogout: { enabled: true } },
    fetch: (url, { dispatcher, ...options }) => fetch(url, options), // its own refuses loopback
    findAccount: (_, accountId) => ({ accountId, claims: () => ({
      sub: accountId, email: accountId, email_verified: true, address: { country: 'GB' }, phone_number: '+44 1', phone_number_verified: true,
      name: 'Ada Lovelace', given_name: 'Ada', family_name: 'Lovelace', preferred_username: 'ada'
    }) }),
    enableHttpPostMethods: true,
    pkce: { required: () => false }
  })
  server.on('request', provider.callback())
  console.log(`ready ${issuer}`)
})
