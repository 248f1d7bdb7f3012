// Drives a browser through Control Hub's pages: BASE, ORGANISATION, PENDING (a domain), TOKEN, and what browser.js reads.
import assert from 'node:assert/strict'
import { browser, heading, picture, sheet, signIn, text } from './browser.js'
import { did } from './person.js'

const { BASE, ORGANISATION, PENDING, TOKEN } = process.env
const admin = await sheet()
const { page, press } = admin
await page.browserContext().overridePermissions(BASE, ['clipboard-read', 'clipboard-sanitized-write'])

// tab follows the navigation and returns what stands in the table of the page, row by row.
const tab = async name => {
  await press(`nav a[href="/hub${name && '/' + name}"]`)
  assert.equal(await page.$eval('nav a[aria-current="page"]', link => link.getAttribute('href')), `/hub${name && '/' + name}`)
}
const rows = selector => page.$$eval(`${selector} tbody tr`, list => list.map(row => [...row.cells].map(cell => cell.innerText.replace(/\s+/g, ' ').trim())))

await page.goto(BASE)
await signIn(admin, 'admin@acme.example')
assert.equal(page.url(), `${BASE}/hub`)
did('whoever opens the address comes to Control Hub')
await page.bringToFront() // only a page with the focus may write the clipboard

for (const [id, want] of [['org-id', ORGANISATION], ['tenant-url', `${BASE}/v1/scim/${ORGANISATION}`], ['scim-url', `${BASE}/identity/scim/${ORGANISATION}/v2`]]) {
  assert.equal(await text(page, `#${id}`), want)
  await page.click(`.copy:has(#${id}) button`)
  await page.waitForFunction(box => document.querySelector(box).textContent === 'Copied', {}, `.copy:has(#${id}) button`)
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), want)
}
did('copy the organisation ID and the addresses')

const domains = await rows('[aria-label="Domains"]')
assert.deepEqual(domains.slice(0, 2), [['acme.example', 'Claimed'], ['acme.test', 'Verified']])
assert.match(domains[2].join(' '), new RegExp(`^${PENDING} Pending cisco-ci-domain-verification=\\S+$`))
did('domains: verified, claimed, pending with the text for DNS')
assert.ok((await rows('[aria-label="Licences"]')).some(([name, used, total]) => name.startsWith('Contact Center Premium Agent') && used === '1' && total === '10'))
did('licences and their use')
await picture(page, 'hub')

await tab('people')
const people = Object.fromEntries((await rows('[aria-label="People"]')).map(([who, status, roles, licences]) => [who.split(' ').at(-1), { status, roles, licences }]))
assert.deepEqual([people['admin@acme.example'].status, people['admin@acme.example'].roles], ['Active', 'id_full_admin'])
assert.equal(people['leaver@acme.example'].status, 'Inactive')
assert.equal(people['joiner@elsewhere.example'].status, 'Pending')
assert.equal(people['person@acme.example'].status, 'Verified')
assert.match(people['agent@acme.example'].licences, /Contact Center Premium Agent/)
await picture(page, 'hub-people')
await page.type('#name', 'leaver@acme.example')
await press('form.search button')
assert.deepEqual((await rows('[aria-label="People"]')).map(([who]) => who), ['Lea Leaver leaver@acme.example'])
did('people: status, roles, licences, search')

await tab('groups')
assert.deepEqual(await rows('[aria-label="Groups"]'), [['Engineering', 'SCIM', '2'], ['Sales', 'Control Hub', '1']])
await picture(page, 'hub-groups')
did('groups, and where they come from')

await tab('apps')
assert.deepEqual(await rows('[aria-label="Apps"]'), [['Provisioner', 'Integration', 'identity:people_rw identity:people_read']])
await picture(page, 'hub-apps')
did('registered applications')

await tab('calls')
const call = await page.$('.calls details')
await (await call.$('summary')).click()
const shown = await page.$eval('.calls', list => list.innerText)
assert.match(shown, /POST/)
assert.ok(!(await page.content()).includes(TOKEN), 'the token is shown')
await picture(page, 'hub-calls')
did('the last calls, without secrets')

const users = () => fetch(`${BASE}/identity/scim/${ORGANISATION}/v2/Users`, { headers: { authorization: `Bearer ${TOKEN}` } })
await tab('faults')
await page.select('#kind', '503')
await page.type('#path', '/Users')
await page.type('#times', '1')
await page.type('#wait', '7')
await press('main form[action="/hub/faults"] button[type="submit"]')
await picture(page, 'hub-faults')
const refused = await users()
assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '7'])
assert.equal((await users()).status, 200)
await press('form[action="/hub/faults/clear"] button')
assert.match(await text(page, 'main'), /behaves well/)
await page.type('#every', 'often')
await press('main form[action="/hub/faults"] button[type="submit"]')
assert.match(await text(page, '[role="alert"]'), /is no number/)
did('faults: add, meet, take away')

const plain = await sheet()
await plain.page.goto(`${BASE}/hub`)
await signIn(plain, 'person@acme.example')
assert.equal(await heading(plain.page), 'Only administrators see this')
await picture(plain.page, 'hub-stranger')
did('nobody else sees it')

await press('form[action="/hub/signout"] button')
assert.equal(await heading(page), 'Sign in')
did('sign out')

const unexpected = admin.mistakes.filter(text => !/status of 400/.test(text))
assert.deepEqual([...unexpected, ...plain.mistakes], [])
await browser.close()
process.exit(0)
