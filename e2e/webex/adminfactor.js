// An administrator with a second factor comes into the console through the login page, in a real browser with a virtual authenticator, and shows it again before a severe act: SITE, OLDER (makes
// it a while since everybody showed who they are), LOGIN, OTHER (whose second factor is lost), PASSWORD of both, LOCKSTEP (the program), CHROMIUM, ROOT, SCREENSHOTS.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { browser, picture } from './browser.js'
import { did } from './person.js'

const { SITE, OLDER, LOGIN, OTHER, PASSWORD, LOCKSTEP } = process.env
const axe = await readFile(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const lockstep = (...args) => JSON.parse(execFileSync(LOCKSTEP, [...args, '-o', 'json'], { encoding: 'utf8' }))
const mistakes = []

// someone is a person with a browser of their own and an authenticator that is built in.
const someone = async () => {
  const page = await (await browser.createBrowserContext()).newPage()
  page.setDefaultTimeout(60000)
  await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]) // as for the pictures: a page that changes its mind on the way is no mistake of ours
  page.on('pageerror', error => mistakes.push(String(error)))
  page.on('console', message => { if (message.type() === 'error' && !/status of 4/.test(message.text())) mistakes.push(message.text()) })
  const cdp = await page.createCDPSession()
  await cdp.send('Emulation.setFocusEmulationEnabled', { enabled: true }) // who does not look at the page is asked for no passkey
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true }
  })
  const at = { page, cdp, device: authenticatorId }
  at.moved = async act => { await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), act()]) }
  at.find = async words => {
    const e = await page.waitForFunction(words => {
      const all = [...document.querySelectorAll('main a, main button, header button')].filter(e => e.checkVisibility())
      return all.find(e => e.innerText.replace(/\s+/g, ' ').trim() === words) ?? all.find(e => e.innerText.replace(/\s+/g, ' ').trim().startsWith(words))
    }, {}, words).catch(async () => { throw new Error(`${page.url()} has no “${words}”: ${await page.$eval('main', m => m.innerText)}`) })
    return e.asElement()
  }
  at.press = async words => { const e = await at.find(words); await at.moved(() => e.click()) }
  at.says = async words => {
    await page.waitForFunction(w => document.querySelector('main')?.innerText.includes(w), {}, words)
      .catch(async () => { throw new Error(`${page.url()} does not say “${words}”: ${await page.$eval('main', m => m.innerText)}`) })
  }
  at.type = async (name, text) => { await page.$eval(`[name="${name}"]`, (e, text) => { e.value = text }, text) }
  at.password = async login => {
    await at.type('name', login)
    await at.type('password', PASSWORD)
    await at.press('Sign in')
  }
  at.presence = enabled => cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled })
  at.whole = async name => {
    await picture(page, `administrator-${name}`)
    await cdp.send('Runtime.evaluate', { expression: axe }) // in the session that has the authenticator: one more that ends would take it along
    const { result } = await cdp.send('Runtime.evaluate', {
      expression: 'axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }).then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" "))))',
      awaitPromise: true, returnByValue: true
    })
    assert.deepEqual(JSON.parse(result.value), [], `${name}: axe`)
  }
  return at
}
const inConsole = async at => { await at.page.waitForSelector('nav a[href="/people"]'); assert.equal(new URL(at.page.url()).origin, SITE) }
const factors = login => lockstep('session', 'factors', lockstep('people', 'show', login).id)

const ada = await someone()
await ada.page.goto(SITE)
await ada.whole('enter')
await ada.press('Sign in with your company account')
await ada.password(LOGIN)
await ada.says('Set up a second factor')
await ada.type('name', 'Laptop')
await ada.press('Add a passkey')
await ada.says('Your recovery codes')
await ada.press('I have kept them')
await inConsole(ada)
did('signed in with a password, and set a passkey up on the way')

// Another browser of hers, which has her passkey.
const { credentials } = await ada.cdp.send('WebAuthn.getCredentials', { authenticatorId: ada.device })
const desk = await someone()
await desk.presence(false)
await desk.cdp.send('WebAuthn.addCredential', { authenticatorId: desk.device, credential: credentials[0] })
await desk.page.goto(SITE)
await desk.press('Sign in with your company account')
await desk.presence(true)
await desk.press('Sign in with a passkey').catch(async error => { if (!desk.page.url().startsWith(`${SITE}/`) || desk.page.url().includes('/sso/')) throw error }) // the browser may have offered it already
await inConsole(desk)
did('into the console with a passkey')

// Ben has set an authenticator app up, and lost it.
const ben = await someone()
await ben.page.goto(`${SITE}/sso/default/account`)
await ben.password(OTHER)
await ben.press('Add a passkey')
await ben.type('name', 'Lost key')
await ben.press('Add a passkey')
await ben.press('I have kept them')
await ben.says('Lost key')
assert.equal(factors(OTHER).passkeys.length, 1)

await fetch(OLDER)
const person = lockstep('people', 'show', OTHER).id
await desk.page.goto(`${SITE}/signin/sessions?person=${person}`)
await (await desk.find('Remove…')).click()
await desk.page.waitForSelector('dialog[open]')
await desk.says('the application Lockstep console')
await desk.whole('remove')
await desk.moved(() => desk.page.click('dialog[open] button[type="submit"]'))
await desk.says('Show again who you are')
assert.equal(factors(OTHER).passkeys.length, 1)
await desk.whole('again')
did('a severe act is held up after a while')

await desk.presence(false)
await desk.press('Sign in with your company account')
await desk.password(LOGIN)
await desk.says('Show that it is you')
await desk.whole('second-factor')
await desk.page.goto(`${SITE}/again`)
await desk.says('Show again who you are')
assert.equal(factors(OTHER).passkeys.length, 1)
did('the password alone does not go on with it')

await desk.press('Sign in with your company account')
await desk.password(LOGIN)
await desk.says('Show that it is you')
await desk.presence(true)
await desk.press('Use a passkey').catch(async error => { if (desk.page.url().includes('/sso/')) throw error })
await desk.says('You have shown who you are')
await desk.whole('go-on')
did('shown who one is, with the second factor')
await desk.press('Go on')
await desk.says('Removed.')
await desk.says('They have none.')
assert.equal(factors(OTHER).passkeys.length, 0)
did('the act is done')

// Nobody is let in without: Ben has a role now and no second factor, and is asked to set one up before anything else.
lockstep('admin', 'add', '--user', OTHER, '--role', 'owner')
const late = await someone()
await late.page.goto(SITE)
await late.press('Sign in with your company account')
await late.password(OTHER)
await late.says('Set up a second factor')
await late.page.goto(`${SITE}/people`)
assert.ok(!await late.page.$('nav a[href="/people"]'), 'let in without a second factor')
did('an administrator without a second factor gets nowhere')
assert.deepEqual(mistakes, [])
await browser.close()
process.exit(0)
