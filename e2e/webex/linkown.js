// Links and unlinks an identity at the account page, in a real browser, at npm's oidc-provider; then an administrator consents to a SCIM client: ACCOUNT, LOGIN, PASSWORD, PROVIDER (its name),
// AUTHORIZE (what the SCIM client asks), CHROMIUM, ROOT, SCREENSHOTS.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { browser, picture, sheet } from './browser.js'
import { did } from './person.js'

const { ACCOUNT, LOGIN, PASSWORD, PROVIDER, AUTHORIZE } = process.env
const axe = await readFile(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const { page, mistakes } = await sheet()
page.setDefaultTimeout(60000)
const says = words => page.waitForFunction(w => document.querySelector('main')?.innerText.includes(w), {}, words)
  .catch(async () => { throw new Error(`${page.url()} does not say “${words}”: ${await page.$eval('main', m => m.innerText)}`) })
const press = async words => {
  const e = await page.waitForFunction(words => [...document.querySelectorAll('main a, main button')].find(e => e.checkVisibility() && e.innerText.replace(/\s+/g, ' ').trim().startsWith(words)), {}, words)
    .catch(async () => { throw new Error(`${page.url()} has no “${words}”: ${await page.$eval('main', m => m.innerText)}`) })
  await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), e.asElement().click()])
}
const whole = async name => {
  await picture(page, name)
  await page.evaluate(axe)
  assert.deepEqual(await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))), [], `${name}: axe`)
}
const byPassword = async () => {
  await page.type('[name="name"]', LOGIN)
  await page.type('[name="password"]', PASSWORD)
  await press('Sign in')
}

await page.goto(ACCOUNT)
await byPassword()
await says('Your account')
await whole('account-link')
await press(`Link ${PROVIDER}`)
await says('You sign in there next')
await whole('account-link-ask')
await press('Link')
await says('Your account')
await says('u-1')
await whole('account-linked')
did('linked at the account page')

await press('Sign out')
await press('Sign out')
await page.goto(ACCOUNT)
await press(PROVIDER)
await says('Your account')
did('signed in with it')

await press('Unlink')
await says('You cannot sign in with it any more')
await whole('account-unlink-ask')
await press('Unlink')
await page.goto(ACCOUNT)
await byPassword() // the session was begun with it
await says(`Link ${PROVIDER}`)
did('unlinked, and signed out with it')

await page.goto(AUTHORIZE)
await says('It will add, change and remove')
await whole('scim-consent')
did('asked to consent')
assert.deepEqual(mistakes, [])
await browser.close()
process.exit(0)
