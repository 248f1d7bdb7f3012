// Webex's own library against the organisation: the addresses come in the variables that the library reads. LOGIN, SCOPE, REDIRECT, EVERYBODY.
const assert = require('node:assert/strict')
const { default: WebexCore } = require('@webex/webex-core')
require('@webex/plugin-authorization-node')
require('@webex/plugin-people')

const did = what => console.log(JSON.stringify({ did: what }))
for (const level of ['log', 'info', 'warn', 'trace', 'debug', 'error']) { // the library is talkative; only what it did is of interest
  const say = console[level]
  console[level] = (...args) => { if (/^\{"did"/.test(args[0]) || level === 'error') say(...args) }
}

async function main () {
  const webex = new WebexCore({ config: { credentials: {
    client_id: process.env.WEBEX_CLIENT_ID, client_secret: process.env.WEBEX_CLIENT_SECRET, redirect_uri: process.env.REDIRECT, scope: process.env.SCOPE
  } } })
  await new Promise(resolve => webex.once('ready', resolve))
  await assert.rejects(webex.authorization.requestAuthorizationCodeGrant({ code: 'x' }), error => error.name === 'InvalidGrantError' || /grant/i.test(error.constructor.name))
  did('a bad code')
  const { Person } = await import('./person.js')
  const ask = new URLSearchParams({ client_id: process.env.WEBEX_CLIENT_ID, response_type: 'code', redirect_uri: process.env.REDIRECT, scope: process.env.SCOPE })
  const back = await new Person(process.env.LOGIN).go(`${process.env.WEBEX_AUTHORIZE_URL}?${ask}`)
  await webex.authorization.requestAuthorizationCodeGrant({ code: back.searchParams.get('code') })
  did('authorization code grant')

  const me = await webex.people.get('me')
  assert.deepEqual(me.emails, [process.env.LOGIN])
  did('people.get me, by a token with fewer scopes')
  assert.equal((await webex.people.get(me.id)).displayName, me.displayName)
  did('people.get')

  const names = []
  let page = await webex.people.list({ max: 2 })
  for (;;) {
    names.push(...page.items.map(person => person.emails[0]))
    if (!page.hasNext()) break
    page = await page.next()
  }
  assert.deepEqual(names.sort(), process.env.EVERYBODY.split(' '))
  did('people.list, page by page')
  assert.equal((await webex.people.list({ email: process.env.LOGIN })).items[0].id, me.id)
  did('people.list by e-mail address')

  const offered = (await webex.request({ service: 'hydra', resource: 'licenses' })).body.items
  const [full, free] = ['Webex Meetings', 'Webex Messaging'].map(name => offered.find(licence => licence.name === name).id)
  const assign = (...ids) => webex.request({
    method: 'PATCH', service: 'hydra', resource: 'licenses/users', body: { personId: me.id, licenses: ids.map(id => ({ id, operation: 'add' })) }
  })
  const some = await assign(full, free)
  assert.equal(some.statusCode, 206)
  assert.ok(some.body.licenses.includes(free) && !some.body.licenses.includes(full))
  assert.equal((await assign(free)).statusCode, 200)
  assert.ok((await webex.people.get('me')).licenses.includes(free)) // the library looks others up by a list of ids, which has no licences
  did('licences, 206 without a seat')

  await assert.rejects(webex.request({ service: 'hydra', resource: `people/${me.id.slice(0, -1)}` }), error => error.statusCode === 404 && error.body.message.length > 0 && error.body.trackingId.length > 0)
  did('an error with a message and a tracking ID')

  const before = webex.credentials.supertoken.refresh_token
  await webex.credentials.refresh()
  assert.notEqual(webex.credentials.supertoken.refresh_token, before)
  assert.equal((await webex.people.get('me')).id, me.id)
  did('refresh with rotation')
  const access = webex.credentials.supertoken.access_token
  await webex.credentials.supertoken.revoke()
  const late = await fetch(`${process.env.HYDRA_SERVICE_URL}/people/me`, { headers: { authorization: `Bearer ${access}` } })
  assert.equal(late.status, 401)
  did('revocation')
  process.exit(0)
}

main().catch(error => { process.stderr.write(`${error.stack ?? error}\n${JSON.stringify(error.body ?? '')}\n`); process.exit(1) })
