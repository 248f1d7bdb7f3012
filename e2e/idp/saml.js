// A SAML 2.0 identity provider that is not ours (samlp, from npm), on loopback: KEY and CERT. Whoever comes to /sso is ada; the parameter
// knobs, a JSON object, changes what is answered. The page has the form that a browser would post.
import http from 'node:http'
import samlp from 'samlp'

const { KEY, CERT } = process.env
const claims = {
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress': 'ada@example.com', displayName: 'Ada Lovelace', uid: 'ada', groups: ['staff', 'sales']
}
const profile = knobs => () => ({
  getClaims: () => ({ ...claims, ...knobs.claims }),
  getNameIdentifier: () => ({ nameIdentifier: knobs.nameIdentifier ?? 'ada-0001', nameIdentifierFormat: knobs.format ?? 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' })
})

const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://127.0.0.1')
  req.query = Object.fromEntries(url.searchParams)
  let body = ''
  for await (const chunk of req) body += chunk
  req.body = Object.fromEntries(new URLSearchParams(body))
  res.set = (name, value) => res.setHeader(name, value)
  res.send = (text) => res.end(String(text))
  const fail = error => { res.statusCode = 500; res.end(String(error?.stack ?? error)) }
  const knobs = JSON.parse(req.query.knobs ?? '{}') ?? {}
  samlp.parseRequest(req, (error, asked) => {
    if (error) return fail(error)
    const acs = asked?.assertionConsumerServiceURL
    const options = {
      issuer: 'https://idp.example/saml', cert: CERT, key: KEY, destination: acs, recipient: acs, getPostURL: (a, d, r, done) => done(null, acs),
      getUserFromRequest: () => ({ id: 'ada' }), profileMapper: profile(knobs), sessionIndex: '_s1', lifetimeInSeconds: 300, ...knobs
    }
    if (knobs.status) return samlp.sendError({ ...options, inResponseTo: asked.id, RelayState: req.query.RelayState, error: { code: knobs.status, description: 'no' }, getPostURL: (r, done) => done(null, acs) })(req, res, fail)
    samlp.auth(options)(req, res, fail)
  })
})
server.listen(0, '127.0.0.1', () => console.log(`ready http://127.0.0.1:${server.address().port}`))
