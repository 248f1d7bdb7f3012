// An administrator sets Entra ID up under SCIM clients, in a browser, and the client calls: LINK into the console, CHROMIUM, ROOT, SCREENSHOTS.
import assert from 'node:assert/strict'
import { browser, heading, picture, sheet, text } from './browser.js'
import { did } from './person.js'

const { LINK } = process.env
const { page, mistakes } = await sheet()
await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }])
// A click of the mouse can meet the transition between two pages, and is lost there: the element itself is clicked.
const press = async selector => { await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.$eval(selector, e => e.click())]) }
const follow = async words => {
  const links = await page.$$eval('main a', all => all.map(a => a.textContent.trim().replace(/\s+/g, ' ')))
  const at = links.findIndex(t => t === words)
  assert.ok(at >= 0, `no link ${words} among ${links.join(' | ')}`)
  const link = (await page.$$('main a'))[at]
  await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), link.evaluate(a => a.click())])
}
// says waits until the panel about requests says something, without reloading the page.
const says = async words => {
  await page.waitForFunction(words => document.getElementById('state-title').textContent.includes(words), {}, words)
  return page.$eval('.firstcall', panel => ({ text: panel.textContent.replace(/\s+/g, ' '), look: panel.className }))
}
// given is the value to copy for a setting.
const given = async label => {
  const all = await page.$$eval('dl.give dt', (dts, label) => dts.filter(dt => dt.textContent === label).map(dt => dt.nextElementSibling.querySelector('[data-copy]').dataset.copy), label)
  assert.equal(all.length, 1, `${label} is there ${all.length} times`)
  return all[0]
}
// call is a request as Entra ID's test connection sends it.
const call = async (base, authorization, path) => {
  const answer = await fetch(base + path, { headers: { authorization, 'user-agent': 'AzureAD-Provisioning/1.0', accept: 'application/scim+json' } })
  await answer.text()
  return answer.status
}

await page.goto(LINK)
await press('form[action="/link"] button')
await page.goto(new URL('/inbound', LINK).href)
assert.equal(await heading(page), 'SCIM clients')
await follow('Add a client')
await follow('Microsoft Entra ID')
await page.waitForSelector('#f-name')
await press('form[action^="/inbound/add"] button[type="submit"]')
const base = await given('Tenant URL')
const secret = await given('Secret Token')
assert.match(base, /\/scim\/default\/v2$/)
assert.match(secret, /^lkp_/)
did('the client is added, and its values are shown')

const waiting = await says('Waiting for its first request')
assert.match(waiting.look, /is-calm/)
await picture(page, 'scim-client-waiting')
const test = '/Users?filter=' + encodeURIComponent('userName eq "AAD_Test_User_7"')
assert.equal(await call(base, `Bearer ${secret.slice(0, -6)}`, test), 401)
const cut = await says('was not let in')
assert.match(cut.text, /a part is missing/)
assert.match(cut.text, /AzureAD-Provisioning/)
did('a token that was cut off is named')

assert.equal(await call(base, `Bearer ${secret}`, test), 200)
const good = await says('Its first request has come')
assert.match(good.look, /is-good/)
assert.match(good.text, /GET \/Users/)
assert.match(good.text, /AzureAD-Provisioning/)
assert.equal(await given('Secret Token'), secret) // it is the same page
await picture(page, 'scim-client-working')
did('the first request makes the waiting page green')

assert.equal(await call(base, `Bearer ${secret}`, '/Users?filter=' + encodeURIComponent('userName is ada')), 400)
const refused = await says('Its last request was refused')
assert.match(refused.look, /is-bad/)
assert.match(refused.text, /match by one attribute/)
await picture(page, 'scim-client-refused')
did('a request that is refused is explained')
assert.equal(await call(base, `Bearer ${secret}`, test), 200)
await says('Its first request has come')
did('it is green again')

await page.goto(new URL('/inbound', LINK).href)
assert.match(await text(page, 'main table'), /Working/)
await follow('entra')
assert.ok(!(await page.content()).includes(secret), 'the secret is shown again')
did('the list has it, and the secret is shown no more')
assert.deepEqual(mistakes, [])
await browser.close()
