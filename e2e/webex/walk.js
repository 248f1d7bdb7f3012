// Drives a browser through the developer console and the sign-in pages: BASE, and what browser.js reads.
import assert from 'node:assert/strict'
import { browser, heading, picture, sent, sheet, signIn, text } from './browser.js'
import { did } from './person.js'

const { BASE, SCREENSHOTS } = process.env
const redirect = 'http://localhost:30999/cb' // where nobody listens

// An administrator registers an integration and consents to it.
const admin = await sheet()
await admin.page.goto(`${BASE}/apps`)
await picture(admin.page, 'sign-in')
await signIn(admin, 'admin@example.com')
assert.equal(await heading(admin.page), 'Create a developer account')
await picture(admin.page, 'sign-up')
await admin.press('main button')
assert.equal(await heading(admin.page), 'My apps')
did('sign up as a developer')

const register = async (sheet, type, name, redirects, scopes, prefix) => {
  await sheet.page.goto(`${BASE}/apps/new`)
  if (prefix) await picture(sheet.page, `${prefix}-kinds`)
  await sheet.press(`a[href="/apps/new?type=${type}"]`)
  await sheet.page.type('#name', name)
  await sheet.page.type('#description', 'Keeps people and groups in step.')
  await sheet.page.type('#redirects', redirects)
  for (const scope of scopes) {
    const box = await sheet.page.$(`input[name="scope"][value="${scope}"]`)
    if (!await box.evaluate(node => node.checked)) await box.click()
  }
  if (prefix) await picture(sheet.page, `${prefix}-new`)
  await sheet.press('main button[type="submit"]')
  const made = { id: await text(sheet.page, '#client-id'), secret: await text(sheet.page, '#secret') }
  if (prefix) await picture(sheet.page, `${prefix}-made`)
  await sheet.page.reload()
  assert.equal(await sheet.page.$('#secret'), null)
  return made
}
const scopes = ['spark-admin:people_write', 'spark-admin:people_read', 'spark-admin:licenses_read', 'spark-admin:roles_read', 'identity:groups_rw', 'identity:groups_read']
const integration = await register(admin, 'integration', 'Lockstep', `${redirect}\nhttps://app.example/cb`, scopes, 'integration')
assert.match(integration.id, /^C[0-9a-f]{64}$/)
did('create an integration, its secret shown once')

const ask = (client, wanted, to = redirect) => `${BASE}/v1/authorize?` + new URLSearchParams({ client_id: client.id, response_type: 'code', redirect_uri: to, scope: wanted.join(' '), state: 'a b' })
const exchange = async (client, code) => {
  const form = { grant_type: 'authorization_code', client_id: client.id, client_secret: client.secret, code, redirect_uri: redirect }
  const response = await (await fetch(`${BASE}/v1/access_token`, { method: 'POST', body: new URLSearchParams(form) })).json()
  assert.ok(response.access_token, JSON.stringify(response))
  return response
}
const bearing = (url, tokens) => fetch(url, { headers: { authorization: `Bearer ${tokens.access_token}` } })
await admin.page.goto(ask(integration, scopes))
await picture(admin.page, 'consent')
const answer = await sent(admin.page, () => admin.press('button[value="allow"]', true), redirect)
assert.equal(answer.searchParams.get('state'), 'a b')
await admin.page.goto(`${BASE}/apps`)
await exchange(integration, answer.searchParams.get('code'))
await picture(admin.page, 'apps')
did('consent as administrator')

// The address that is printed in Microsoft's page, with nothing replaced but its host.
const printed = '/idb/saml2/jsp/doSSO.jsp?type=login&goto=https%3A%2F%2Fidbroker.webex.com%2Fidb%2Foauth2%2Fv1%2Fauthorize%3Fresponse_type%3Dtoken%26client_id%3DC4ca14fe00b0e51efb414ebd45aa88c1858c3bfb949b2405dba10b0ca4bc37402%26redirect_uri%3Dhttp%253A%252F%252Flocalhost%253A3000%252Fauth%252Fcode%26scope%3Dspark%253Apeople_read%2520spark%253Apeople_write%2520Identity%253ASCIM%26state%3Dthis-should-be-a-random-string-for-security-purpose'
const fresh = await sheet()
await fresh.page.goto(BASE + printed)
const bar = await sent(fresh.page, () => signIn(fresh, 'admin@example.com'), 'http://localhost:3000/auth/code')
assert.match(bar.href, /^http:\/\/localhost:3000\/auth\/code#access_token=lkw_\w+&token_type=Bearer&expires_in=31536000&state=this-should-be/)
if (SCREENSHOTS) await fresh.page.screenshot({ path: `${SCREENSHOTS}/printed-address.png` })
did('a token by the printed address')

// An agent signs in to another application, by the doors of two regions.
const centre = await register(admin, 'contact-centre', 'Recorder', redirect, ['cjp:user'], 'contact-centre')
did('create a contact centre client')
const agentScopes = ['openid', 'email', 'profile', 'cjp:user']
for (const [door, region] of [['', 'US'], ['/eu', 'EU']]) {
  const agent = await sheet()
  const old = `${BASE}${door}/idb/oauth2/v1/authorize?` + new URLSearchParams({ client_id: centre.id, response_type: 'code', redirect_uri: redirect, scope: agentScopes.join(' '), nonce: 'n' })
  await agent.page.goto(old)
  await signIn(agent, 'agent@example.com')
  if (region === 'US') await picture(agent.page, 'agent-consent')
  const back = await sent(agent.page, () => agent.press('button[value="allow"]', true), redirect)
  const tokens = await exchange(centre, back.searchParams.get('code'))
  const info = await (await bearing(`${BASE}${door}/identity/scim/v1/Users/me`, tokens)).json()
  assert.equal(info.userName, 'agent@example.com')
  did(`an agent signs in, ${region}`)
  if (region === 'US') {
    await sent(agent.page, () => agent.page.goto(`${BASE}/idb/oauth2/v1/logout?` + new URLSearchParams({ goto: redirect, token: tokens.access_token })), redirect)
    assert.equal((await bearing(`${BASE}/v1/userinfo`, tokens)).status, 401)
  } else {
    await agent.page.goto(`${BASE}/eu/idb/oauth2/v1/logout`)
    assert.equal(await heading(agent.page), 'You are signed out')
    await picture(agent.page, 'signed-out')
  }
  await agent.page.goto(old)
  assert.equal(await heading(agent.page), 'Sign in')
}
did('sign out with goto and token')
did('sign out without goto')

// A plain person is warned of what is for administrators, and declines.
const plain = await sheet()
await plain.page.goto(ask(integration, scopes))
await signIn(plain, 'person@example.com')
assert.match(await text(plain.page, '.said.warn'), /for administrators/)
await picture(plain.page, 'consent-plain')
const declined = await sent(plain.page, () => plain.press('button[value="deny"]', true), redirect)
assert.equal(declined.searchParams.get('error'), 'access_denied')
did('decline')

await admin.page.goto(`${BASE}/apps/${integration.id}`)
await admin.page.$eval('#redirects', node => { node.value = 'https://elsewhere.example/cb' })
await admin.press('form[action="/apps/' + integration.id + '"] button[type="submit"]')
assert.equal(await text(admin.page, '.said'), 'Saved.')
did('edit a redirect URI')
await admin.page.goto(ask(integration, scopes))
assert.equal(await heading(admin.page), 'That did not work')
await picture(admin.page, 'problem')
did('a wrong redirect URI stays here')

for (const one of [admin, fresh, plain]) assert.deepEqual(one.mistakes, [])
await browser.close()
process.exit(0)
