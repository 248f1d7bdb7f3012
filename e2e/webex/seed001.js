// Walks through "Synchronize Azure Active Directory users into Control Hub" in the console, step by step by its numbers: LINK (a one-time
// link), BASE (the organisation's server), ORGANISATION, CHROMIUM, ROOT, SCREENSHOTS. It ends with one provisioned test user, and then
// the others of a group.
import assert from 'node:assert/strict'
import { browser, picture, sheet } from './browser.js'
import { did } from './person.js'

const { LINK, BASE, ORGANISATION } = process.env
const { page, mistakes } = await sheet()
page.setDefaultTimeout(30000)
// Nothing moves by itself: a click on what scrolls smoothly lands beside it.
const still = async () => {
  await page.setViewport({ width: 1440, height: 900 })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }, { name: 'prefers-reduced-motion', value: 'reduce' }])
}
await still()
const site = new URL(LINK).origin
const moved = async act => { await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), act()]) }
const find = async (words, within) => (await page.waitForFunction((words, within) => {
  const all = [...document.querySelectorAll(within)].flatMap(e => [e, ...e.querySelectorAll('a, button, summary')])
  const named = all.filter(e => e.matches('a, button, summary') && e.checkVisibility() && e.innerText.includes(words))
  return named.find(e => e.innerText.trim() === words) ?? named[0]
}, {}, words, within).catch(() => { throw new Error(`${page.url()} has no ${words} in ${within}`) })).asElement()
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
const shot = async name => {
  await picture(page, `seed001-${String(++shots).padStart(2, '0')}-${name}`, ['1440-light', '390-dark'])
  await still()
}
const ask = async (words, within = 'main') => { await (await find(words, within)).click() }

// A directory with people, as the text takes it for granted.
await page.goto(LINK)
await press('Open the console', 'main button')
did('gallery 1')
await press('Add a source of people')
await press('CSV files', 'main h2')
await press('Add', 'main form button')
await moved(() => page.goto(`${site}/sources/csvfile`))
await press('Turn on', 'main .head').catch(() => press('Run now'))
await page.waitForFunction(() => fetch('/people').then(r => r.text()).then(t => t.includes('Lindqvist')), { polling: 500 })
await press('People', 'nav')
await says('Ada Lindqvist')
did('gallery 2')
await press('Apps', 'nav')
await press('Add an app', 'main .empty')
did('gallery 3')
await says('Cisco Webex')
did('gallery 4')
await page.type('input[type=search]', 'Cisco Webex')
await page.waitForFunction(() => document.querySelectorAll('#gallery h2').length === 1)
await shot('gallery')
did('gallery 5')
await press('Cisco Webex', 'main h2')
await press('Add', 'main form button')
await says('Added, as a draft')
did('gallery 6')
await press('Settings', '.tabs')
await says('Visible to people')
assert.match(await page.$eval('#properties-title', e => e.closest('section').innerText), /Visible to people\s+No\./)
await shot('properties')
did('gallery 7')

await press('Users and groups', '.tabs')
did('assignments 1')
await says('Assign')
did('assignments 2')
await page.type('input[type=search]', 'lindq')
await page.waitForFunction(() => document.querySelectorAll('#assignable input[name=to]').length === 1)
await page.click('#assignable input[name=to]')
await shot('assign')
did('assignments 3')
await press('Assign', '#assignable form p')
await says('ada@example.com')
did('assignments 4')

await press('Apps', 'nav')
did('set-up 1')
await press('Cisco Webex', 'main h3')
did('set-up 2')
await press('Settings', '.tabs')
await choose('mode', 'auto')
await press('Save', 'main .actions')
await says('Saved.')
did('set-up 3')
await press('Connection', '.tabs')
await write('paste', `https://api.ciscospark.com/v1/scim/${ORGANISATION}`)
await press('Take apart')
assert.equal(await page.$eval('[name="set-organization"]', e => e.value), ORGANISATION)
await says(`https://webexapis.com/identity/scim/${ORGANISATION}/v2`)
await shot('tenant-url')
did('set-up 4')
const printed = (await page.$eval('a[target=_blank]', e => e.href)).replace(/^https:\/\/[^/]+/, BASE)
const other = (await sheet()).page
await other.goto(printed)
await other.click('button[name="login"][value="admin@example.com"]').catch(() => {})
let address = ''
for (let i = 0; i < 300 && !address.includes('access_token'); i++) {
  await new Promise(resolve => setTimeout(resolve, 100))
  const session = await other.createCDPSession().catch(() => null)
  if (!session) continue
  const { currentIndex, entries } = await session.send('Page.getNavigationHistory').catch(() => ({ entries: [] }))
  address = entries[currentIndex]?.url ?? ''
  await session.detach().catch(() => {})
}
assert.match(address, /#access_token=/)
did('set-up 5')
await write('paste', `${BASE}/v1/scim/${ORGANISATION}`) // the organisation of this test is on this machine
await page.$eval('details.group', e => { e.open = true })
await write('redirect', address)
did('set-up 6')
await press('Save and test connection')
await says('authorised')
await shot('test')
did('set-up 7')
await press('Settings', '.tabs')
await write('emails', 'it@example.com')
await page.$eval('input[name="failures"]', e => { if (!e.checked) e.click() })
did('set-up 8')
await press('Save', 'section[aria-labelledby="told-title"] .actions')
await moved(() => page.reload())
assert.equal(await page.$eval('[name="emails"]', e => e.value), 'it@example.com')
await shot('notification')
did('set-up 9')

await press('Apps', 'nav')
did('mapping 1')
await press('Cisco Webex', 'main h3')
did('mapping 2')
await press('Mappings', '.tabs')
await says('gets')
did('mapping 3')
await press('Edit attribute list')
await says('Attribute list of')
did('mapping 4')
await page.$eval('input[name="attribute"][value="nickName"]', e => e.click())
await shot('attribute-list')
did('mapping 5')
await ask('Save…')
await press('Yes', 'dialog[open]')
await says('Chosen, and not mapped yet')
await shot('chosen')
did('mapping 6')
await press('nickName', '#chosen')
assert.equal(await page.$eval('[name="target"]', e => e.value), 'nickName')
did('mapping 7')
await choose('kind', 'attribute')
await write('attribute', 'displayName')
await press('Show the result')
await says('Ada Lindqvist')
await shot('direct-mapping')
did('mapping 8')
await press('Save', 'main .actions')
await says('The mappings below are in force')
await says('nickName')
did('mapping 9')

// One test user first: tried, then provisioned, before anything is turned on.
await press('On demand', '.tabs')
await page.type('input[type=search]', 'lindq')
await moved(() => page.keyboard.press('Enter'))
await press('Ada Lindqvist', '#try')
await says('What would be sent')
assert.match(await page.$eval('main', e => e.innerText), /POST[^]*would be sent/)
await shot('try')
did('the test user is tried')
await ask('Provision now…')
await press('Provision now', 'dialog[open]')
await says('What was done')
await says('Created.')
await shot('provisioned')
did('the test user is provisioned')

// The others come with a group, when the app is turned on.
await press('Users and groups', '.tabs')
await page.type('input[type=search]', 'painters')
await page.waitForFunction(() => document.querySelectorAll('#assignable input[name=to]').length === 1)
await page.click('#assignable input[name=to]')
await press('Assign', '#assignable form p')
await press('Overview', '.tabs')
await press('Turn on', 'main .head')
await page.waitForFunction(() => document.querySelector('#live')?.innerText.includes('created') && document.querySelector('#log')?.innerText.includes('ben@example.com'), { timeout: 90000 })
  .catch(async () => { throw new Error(await page.$eval('main', e => e.innerText)) })
await shot('the-others')
did('the others are provisioned')
assert.deepEqual(mistakes, [])
await browser.close()
process.exit(0)
