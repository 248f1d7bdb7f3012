// Walks through the tutorial of Azure AD for Cisco Webex in the console, step by step by its numbers: LINK (a one-time link), BASE (the
// organisation's server), ORGANISATION, CHROMIUM, ROOT, SCREENSHOTS. It ends with one provisioned person.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import puppeteer from 'puppeteer-core'
import { did } from './person.js'

const { LINK, BASE, ORGANISATION, CHROMIUM, ROOT, SCREENSHOTS } = process.env
const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ROOT === 'true' ? ['--no-sandbox'] : [] })
process.on('exit', () => browser.process()?.kill('SIGKILL'))
const page = await browser.newPage()
page.setDefaultTimeout(30000)
const seen = async (width, scheme) => {
  await page.setViewport({ width, height: 900 })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }])
}
await seen(1440, 'light')
const mistakes = []
page.on('pageerror', error => mistakes.push(String(error)))
const site = new URL(LINK).origin

const moved = async act => { await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), act()]) }
// find waits for the link, button or summary that says the words, within a part of the page.
const find = async (words, within) => (await page.waitForFunction((words, within) => {
  const all = [...document.querySelectorAll(within)].flatMap(e => [e, ...e.querySelectorAll('a, button, summary')])
  const named = all.filter(e => e.matches('a, button, summary') && e.checkVisibility() && e.innerText.includes(words))
  return named.find(e => e.innerText.trim() === words) ?? named[0]
}, {}, words, within)).asElement()
const press = async (words, within = 'main') => {
  const e = await find(words, within)
  await moved(() => e.click()).catch(error => { throw new Error(`press ${words}: ${error.message}`) })
}
const says = async words => {
  await page.waitForFunction(w => document.querySelector('main')?.innerText.includes(w), {}, words)
    .catch(async () => { throw new Error(`${page.url()} does not say ${words}: ${await page.$eval('main', e => e.innerText)}`) })
}
const write = async (name, text) => {
  await page.$eval(`[name="${name}"]`, e => { e.value = '' })
  await page.type(`[name="${name}"]`, text)
}
const choose = (name, value) => page.$eval(`input[name="${name}"][value="${value}"]`, e => e.click())
let shots = 0
const picture = async name => {
  if (!SCREENSHOTS) return
  await mkdir(SCREENSHOTS, { recursive: true })
  const path = `${SCREENSHOTS}/${String(++shots).padStart(2, '0')}-${name}`
  await page.evaluate(() => { document.activeElement?.blur(); scrollTo(0, 0) })
  await page.screenshot({ path: `${path}.png` })
  await seen(390, 'dark')
  const height = Math.min(1700, await page.evaluate(() => document.documentElement.scrollHeight))
  await page.screenshot({ path: `${path}-390-dark.png`, clip: { x: 0, y: 0, width: 390, height } })
  await seen(1440, 'light')
}

await page.goto(LINK)
await press('Open the console', 'main button')
await picture('home')

// What the tutorial takes for granted: a directory with people in it.
await press('Add a source of people')
await press('CSV files', 'main h2')
await press('Add', 'main form button')
await press('Connection', '.tabs')
await press('Save and test connection')
await says('It works')
await picture('source-test')
await moved(() => page.goto(`${site}/sources/csvfile`))
await press('Run now')
await page.waitForFunction(() => fetch('/people').then(r => r.text()).then(t => t.includes('Lindqvist')), { polling: 500 })
did('prerequisite: a directory')

await press('Apps', 'nav')
await press('Add an app', 'main .empty')
await page.type('input[type=search]', 'Cisco Webex')
await page.waitForFunction(() => document.querySelectorAll('#gallery h2').length === 1)
await picture('gallery')
await press('Cisco Webex', 'main h2')
await press('Add', 'main form button')
await says('Added, as a draft')
await picture('draft')
did('gallery 1-4')

await press('Users and groups', '.tabs')
await page.type('input[type=search]', 'lindq')
await page.waitForFunction(() => document.querySelectorAll('#assignable input[name=to]').length === 1)
await page.click('#assignable input[name=to]')
await picture('assign')
await press('Assign', '#assignable form p')
await says('ada@example.com')
await picture('assigned')
did('assign one person, with a role')

await press('Apps', 'nav')
await press('Cisco Webex', 'main h3')
did('1-2')
await press('Settings', '.tabs')
await choose('mode', 'auto')
await press('Save', 'main .actions')
await says('Saved.')
did('3-4')

await press('Connection', '.tabs')
await write('paste', `https://api.ciscospark.com/v1/scim/${ORGANISATION}`)
await press('Take apart')
assert.equal(await page.$eval('[name="set-organization"]', e => e.value), ORGANISATION)
await says(`https://webexapis.com/identity/scim/${ORGANISATION}/v2`)
await picture('tenant-url')
// The token, by the printed address: the browser ends where nobody is, with the token in its address bar.
const printed = (await page.$eval('a[target=_blank]', e => e.href)).replace(/^https:\/\/[^/]+/, BASE)
const other = await (await browser.createBrowserContext()).newPage()
other.setDefaultTimeout(30000)
await other.goto(printed)
await other.click('button[name="login"][value="admin@example.com"]').catch(() => {})
let address = ''
for (let i = 0; i < 200 && !address.includes('access_token'); i++) {
  await new Promise(resolve => setTimeout(resolve, 100))
  const session = await other.createCDPSession().catch(() => null)
  if (!session) continue
  const { currentIndex, entries } = await session.send('Page.getNavigationHistory').catch(() => ({ entries: [] }))
  address = entries[currentIndex]?.url ?? ''
  await session.detach().catch(() => {})
}
assert.match(address, /^http:\/\/localhost:3000\/auth\/code#access_token=/)
await write('paste', `${BASE}/v1/scim/${ORGANISATION}`) // the organisation of this test is on this machine
await page.$eval('details.group', e => { e.open = true })
await write('redirect', address)
await picture('token')
did('5-6')
await press('Save and test connection')
await says('authorised')
assert.ok(!(await page.content()).includes(address.split('access_token=')[1].split('&')[0]), 'the token is shown')
await picture('test')
did('7 and 9')

await press('Mappings', '.tabs')
await says('gets')
await picture('mappings')
did('10')
const first = await page.$$eval('table.mappings tr', rows => rows.filter(r => r.innerText.includes('first')).map(r => r.querySelector('a').textContent))
assert.deepEqual(first, ['userName'])
await press('title', 'table.mappings')
await choose('kind', 'expression')
await write('expression', 'ToUpper([title])')
await says('HEAD OF ENGINEERING') // while one types
await press('Show the result')
await says('HEAD OF ENGINEERING')
await picture('mapping')
await press('Cancel')
did('11')

await press('Scope', '.tabs')
await write('g0-c0-attribute', 'userType')
await write('g0-c0-value', 'Contractor')
await press('Show who falls out')
await says('Falls out: 1')
await picture('scope')
await write('g0-c0-value', 'Employee')
await press('Save', 'main .actions')
await says('The scope below is in force')
did('12')

await press('Settings', '.tabs')
assert.equal(await page.$eval('input[name=scope]:checked', e => e.value), 'assigned')
await choose('scope', 'assigned')
await press('Save', 'main .actions')
await picture('settings')
await press('Turn on', 'main .head')
did('13-15')
await page.waitForFunction(() => document.querySelector('#live')?.innerText.includes('created'), { timeout: 60000 })
await picture('provisioned')
await (await find('ada@example.com', '#log')).click()
await picture('log')
did('initial cycle, details and log')
await page.goto(`${site}/people`)
await press('Ada Lindqvist')
await says('In scope')
await picture('person')
did('one person provisioned')
assert.deepEqual(mistakes, [])
await browser.close()
process.exit(0)
