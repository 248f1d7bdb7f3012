// Signs people in with a second factor, in a real browser with a virtual authenticator, at an application of openid-client: ISSUER, CLIENTS (three
// applications as JSON: id, secret and callback of each are given by this script), LOGIN, PASSWORD, LOCKSTEP (the program), CHROMIUM, ROOT,
// SCREENSHOTS. Codes of the authenticator app are otplib's.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import otplib from 'otplib'
import { browser, heading, picture } from './browser.js'
import { did } from './person.js'
import { relying } from './relying.js'

const { ISSUER, LOGIN, PASSWORD, LOCKSTEP } = process.env
const axe = await readFile(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const lockstep = (...args) => JSON.parse(execFileSync(LOCKSTEP, [...args, '-o', 'json'], { encoding: 'utf8' }))
const mistakes = []

// someone is a person with a browser of their own, and what it has for an authenticator.
const someone = async device => {
  const page = await (await browser.createBrowserContext()).newPage()
  page.setDefaultTimeout(30000)
  page.on('pageerror', error => mistakes.push(String(error)))
  page.on('console', message => { if (message.type() === 'error' && !/status of 4/.test(message.text())) mistakes.push(message.text()) })
  const cdp = await page.createCDPSession()
  await cdp.send('Emulation.setFocusEmulationEnabled', { enabled: true }) // who does not look at the page is asked for no passkey
  await cdp.send('WebAuthn.enable')
  const add = async options => (await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true, ...options }
  })).authenticatorId
  const at = { page, cdp, add, device: device && await add({}) }
  at.moved = async act => { await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), act()]) }
  // press presses the button or link that says the words, and waits for the page that follows.
  at.press = async words => {
    const e = await page.waitForFunction(words => [...document.querySelectorAll('main a, main button')].find(e => e.checkVisibility() && e.innerText.trim() === words), {}, words)
      .catch(async () => { throw new Error(`${page.url()} has no “${words}”: ${await page.$eval('main', m => m.innerText)}`) })
    await at.moved(() => e.asElement().click())
  }
  at.says = async words => {
    await page.waitForFunction(w => document.querySelector('main')?.innerText.includes(w), {}, words)
      .catch(async () => { throw new Error(`${page.url()} does not say “${words}”: ${await page.$eval('main', m => m.innerText)}`) })
  }
  at.type = async (name, text) => { await page.$eval(`[name="${name}"]`, (e, text) => { e.value = text }, text) }
  at.password = async () => {
    await at.type('name', LOGIN)
    await at.type('password', PASSWORD)
    await at.press('Sign in')
  }
  // whole looks at a page as a person would: pictures of it, and what axe has to say.
  at.whole = async name => {
    await picture(page, `second-factor-${name}`)
    await cdp.send('Runtime.evaluate', { expression: axe }) // in the session that has the authenticator: one more that ends would take it along
    const { result } = await cdp.send('Runtime.evaluate', {
      expression: 'axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }).then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" "))))',
      awaitPromise: true, returnByValue: true
    })
    assert.deepEqual(JSON.parse(result.value), [], `${name}: axe`)
  }
  return at
}

const apps = {}
for (const name of ['Recorder', 'Vault']) {
  const app = await relying(name)
  const made = lockstep('client', 'add', name, '--redirect', app.callback, ...(name === 'Vault' ? ['--second-factor', 'required'] : []))
  await app.configure(ISSUER, made.id, made.client_secret)
  apps[name] = app
}
const inside = async (at, app) => { await at.says(`You are signed in as ${LOGIN}`); assert.equal(new URL(at.page.url()).origin, app.url) }

// A password is enough at one application; another requires more, and has it set up.
const ada = await someone(true)
await ada.page.goto(`${apps.Recorder.url}/signin`)
await ada.whole('login')
await ada.password()
await inside(ada, apps.Recorder)
did('signed in by password')
await ada.page.goto(`${apps.Vault.url}/signin`)
assert.equal(await heading(ada.page), 'Set up a second factor')
await ada.whole('enrol')
await ada.type('name', 'Laptop')
await ada.press('Add a passkey')
assert.equal(await heading(ada.page), 'Your recovery codes')
await ada.whole('codes')
const codes = await ada.page.$$eval('.codes code', all => all.map(c => c.textContent))
assert.equal(codes.length, 10)
await ada.press('I have kept them')
await inside(ada, apps.Vault)
did('set a passkey up as they signed in')

// The passkey alone signs in, at any application, in a browser that knows nobody yet.
const { credentials } = await ada.cdp.send('WebAuthn.getCredentials', { authenticatorId: ada.device })
assert.equal(credentials.length, 1)
assert.equal(credentials[0].rpId, 'localhost')
const fresh = await someone(true)
await fresh.cdp.send('WebAuthn.addCredential', { authenticatorId: fresh.device, credential: credentials[0] })
await fresh.cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: fresh.device, enabled: false })
await fresh.page.goto(`${apps.Vault.url}/signin`)
await fresh.cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: fresh.device, enabled: true })
await fresh.press('Sign in with a passkey').catch(async error => { if (!fresh.page.url().startsWith(apps.Vault.url)) throw error }) // the browser may have offered it already
await inside(fresh, apps.Vault)
did('signed in with a passkey')

// An authenticator that does not verify its person is not enough.
const nobody = await someone(false)
nobody.device = await nobody.add({ isUserVerified: false })
await nobody.cdp.send('WebAuthn.addCredential', { authenticatorId: nobody.device, credential: credentials[0] })
await nobody.page.goto(`${apps.Vault.url}/signin`)
await (await nobody.page.waitForSelector('form[data-passkey] button')).click()
await nobody.page.waitForSelector('form[data-passkey] [data-failed]:not([hidden])')
await nobody.whole('refused')
did('refused without being verified')

// The account page: an authenticator app beside the passkey.
await ada.page.goto(`${ISSUER}/account`)
await ada.says('Laptop')
await ada.whole('account')
await ada.press('Add an authenticator app')
await ada.whole('app')
const secret = (await ada.page.$eval('.secret code', c => c.textContent)).replaceAll(' ', '')
const code = () => otplib.authenticator.generate(secret)
await ada.type('code', code())
await ada.press('Add an authenticator app')
assert.equal(await heading(ada.page), 'Your account')
did('added an authenticator app')

// It signs in, without a passkey and without JavaScript; the same code does so once.
const plain = await someone(false)
await plain.page.setJavaScriptEnabled(false)
const withCode = async text => {
  await plain.page.goto(`${apps.Vault.url}/signin`)
  await plain.page.type('[name="name"]', LOGIN)
  await plain.page.type('[name="password"]', PASSWORD)
  await plain.moved(() => plain.page.click('main form button.primary'))
  if (!text) return
  await plain.page.type('[name="code"]', text)
  await plain.moved(() => plain.page.click('main form button.primary'))
}
const step = () => Math.floor(Date.now() / 30000)
const first = step()
while (step() === first) await new Promise(resolve => setTimeout(resolve, 200)) // the step in which it was set up is used
const used = code()
await withCode(used)
assert.ok(plain.page.url().startsWith(apps.Vault.url), plain.page.url())
did('signed in with a code of another program, without JavaScript')
await plain.page.goto(`${ISSUER}/logout`)
await plain.moved(() => plain.page.click('main form button'))
await withCode(used)
assert.match(await plain.page.$eval('main', m => m.textContent), /The code is wrong, or was used before/)
await plain.page.setJavaScriptEnabled(true)
await plain.page.reload()
await plain.whole('asked')
await plain.page.setJavaScriptEnabled(false)
await withCode(codes[0])
assert.ok(plain.page.url().startsWith(apps.Vault.url), plain.page.url())
await plain.page.goto(`${ISSUER}/logout`)
await plain.moved(() => plain.page.click('main form button'))
await withCode(codes[0])
assert.match(await plain.page.$eval('main', m => m.textContent), /The code is wrong, or was used before/)
did('a code and a recovery code are good once')

// What is lost is removed, by its person and by an administrator; and everything else ends.
await ada.page.goto(`${ISSUER}/account`)
await ada.press('Sign out everywhere else')
assert.equal(await ada.page.$$eval('section[aria-labelledby="sessions"] .row', all => all.length), 1)
await ada.page.goto(`${ISSUER}/account?ui_locales=de`)
assert.equal(await heading(ada.page), 'Ihr Konto')
await ada.page.goto(`${ISSUER}/account`)
await ada.moved(() => ada.page.click('a[href$="key=totp"]'))
await ada.whole('remove')
await ada.press('Remove')
await ada.says('Laptop')
const user = lockstep('people', 'show', LOGIN).id
assert.equal(lockstep('session', 'factors', user).passkeys[0].name, 'Laptop')
assert.throws(() => lockstep('session', 'factors', user, '--remove', 'all'), /sso\.last_factor/) // one is demanded of them
assert.equal(lockstep('session', 'factors', user).passkeys.length, 1)
assert.equal(lockstep('session', 'factors', user, '--remove', 'all', '--yes').passkeys.length, 0)
await ada.page.reload()
await ada.says('You have no second factor')
did('removed by their person and by an administrator')
assert.deepEqual(mistakes, [])
for (const app of Object.values(apps)) app.close()
await browser.close()
process.exit(0)
