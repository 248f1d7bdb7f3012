// A browser with what the walks through pages need: CHROMIUM, ROOT, SCREENSHOTS.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import puppeteer from 'puppeteer-core'

const { CHROMIUM, ROOT, SCREENSHOTS } = process.env
export const browser = await puppeteer.launch({
  executablePath: CHROMIUM, acceptInsecureCerts: true, args: ROOT === 'true' ? ['--no-sandbox'] : []
})
process.on('exit', () => browser.process()?.kill('SIGKILL'))

// sheet is a browser of its own: cookies of nobody else. Where an application would be is nobody, as in the instructions.
export const sheet = async () => {
  const page = await (await browser.createBrowserContext()).newPage()
  page.setDefaultTimeout(15000)
  const mistakes = []
  page.on('pageerror', error => mistakes.push(String(error)))
  page.on('console', message => { if (message.type() === 'error' && !/ERR_CONNECTION_REFUSED|status of 4/.test(message.text())) mistakes.push(message.text()) })
  const press = async (selector, gone = false) => {
    const moved = page.waitForNavigation({ waitUntil: 'load' }).catch(error => { if (!gone) throw error })
    await page.click(selector)
    await moved
  }
  return { page, mistakes, press }
}

// picture leaves pictures of a page: light and dark, wide and narrow, or those of them that are to be kept; and looks whether it is too
// wide for a phone.
export const picture = async (page, name, keep) => {
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    for (const scheme of ['light', 'dark']) {
      await page.setViewport({ width, height })
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]) // nothing on its way from one colour to another
      await page.evaluate(() => { scrollTo(0, 0); document.activeElement?.blur() })
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      assert.ok(overflow <= 0, `${name} is ${overflow} px too wide at ${width}`)
      if (!SCREENSHOTS || keep && !keep.includes(`${width}-${scheme}`)) continue
      await mkdir(SCREENSHOTS, { recursive: true })
      await page.screenshot({ path: `${SCREENSHOTS}/${name}-${width}-${scheme}.png`, fullPage: true })
    }
  }
  await page.setViewport({ width: 1440, height: 900 })
}

export const heading = page => page.$eval('h1', h => h.textContent)
export const text = (page, selector) => page.$eval(selector, node => node.textContent)

// sent does something that sends the browser to where no server answers, and returns what stands in its address bar then.
export const sent = async (page, act, prefix) => {
  await act().catch(error => { if (!/ERR_CONNECTION_REFUSED/.test(error.message)) throw error })
  let address = ''
  for (let i = 0; i < 200 && !address.startsWith(prefix); i++) {
    if (i) await new Promise(resolve => setTimeout(resolve, 50))
    try {
      const session = await page.createCDPSession() // another each time: the page may be moved to another process meanwhile
      const { currentIndex, entries } = await session.send('Page.getNavigationHistory')
      address = entries[currentIndex].url
      await session.detach()
    } catch (error) {
      if (error.name !== 'ProtocolError' && !/detached|closed|Not attached/.test(error.message)) throw error
    }
  }
  assert.ok(address.startsWith(prefix), `the browser was not sent to ${prefix}, it is at ${address}`)
  return new URL(address)
}

// signIn chooses somebody on the sign-in page.
export const signIn = async ({ page, press }, login) => {
  assert.equal(await heading(page), 'Sign in')
  await press(`button[name="login"][value="${login}"]`, true)
}
