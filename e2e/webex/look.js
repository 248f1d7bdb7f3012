// Looks at pages with a browser: BASE, COOKIE (name=value), PAGES (JSON: name, path, click), CHROMIUM, ROOT, SCREENSHOTS. Of each page,
// light and dark, wide and narrow: nothing is wider than the window, no text is squeezed into less than twelve characters, and axe
// finds nothing against WCAG 2.2 AA. It says what it found, page by page.
import { mkdir } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import puppeteer from 'puppeteer-core'
import { did } from './person.js'

const { BASE, COOKIE, PAGES, CHROMIUM, ROOT, SCREENSHOTS } = process.env
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ['--disable-gpu', ...(ROOT === 'true' ? ['--no-sandbox'] : [])] })
process.on('exit', () => browser.process()?.kill('SIGKILL'))
const page = await browser.newPage()
page.setDefaultTimeout(20000)
const [name, ...value] = COOKIE.split('=')
await page.setCookie({ name, value: value.join('='), url: BASE })
const faults = []
let at = ''
page.on('pageerror', error => faults.push(`${at}: ${error}`))
page.on('console', message => { if (message.type() === 'error' && !/status of 4/.test(message.text())) faults.push(`${at}: ${message.text()}`) })
page.on('request', request => { if (!request.url().startsWith(BASE) && !request.url().startsWith('data:')) faults.push(`${at}: it loads ${request.url()}`) })

// narrow are the texts that stand in columns of fewer than twelve characters, and the boxes to write in that show fewer.
const narrow = () => {
  const found = []
  const name = e => `<${e.tagName.toLowerCase()} class="${e.className?.baseVal ?? e.className}"> ${(e.value ?? e.textContent).trim().slice(0, 40)}`
  for (const e of document.querySelectorAll('body *')) {
    if (!e.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true }) || e.closest('.sr, svg, option, datalist')) continue
    const size = parseFloat(getComputedStyle(e).fontSize) * 0.5
    if (e.matches('input:not([type=checkbox], [type=radio], [type=hidden]), textarea, select')) {
      if (e.clientWidth / size < 12) found.push(name(e))
      continue
    }
    for (const text of e.childNodes) {
      if (text.nodeType !== Node.TEXT_NODE || text.data.trim().length < 24) continue
      const range = document.createRange()
      range.selectNodeContents(text)
      const lines = [...range.getClientRects()].filter(r => r.width > 1)
      if (lines.length > 2 && Math.max(...lines.map(r => r.width)) / size < 12) found.push(name(e))
    }
  }
  return found.slice(0, 3)
}

// clicked clicks, and waits for the page that it leads to, if it leads to one.
async function clicked (what) {
  let leaves = false
  const request = r => { leaves ||= r.isNavigationRequest() && r.frame() === page.mainFrame() }
  page.on('request', request)
  const loaded = page.waitForNavigation({ waitUntil: 'load', timeout: 60000 }).catch(() => {})
  await page.click(what)
  await new Promise(done => setTimeout(done, 300))
  page.off('request', request)
  if (leaves) await loaded
}

for (const { name, path, click } of JSON.parse(PAGES)) {
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    at = `${name} ${width}`
    await page.setViewport({ width, height })
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }, { name: 'prefers-reduced-motion', value: 'reduce' }])
    await page.goto(BASE + path, { waitUntil: 'load' })
    if (click) await clicked(click)
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    if (wide > 0) {
      const which = await page.evaluate(() => [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, pre, .tabs')).slice(-2).map(e => `<${e.tagName.toLowerCase()} class="${e.className}">`).join(' '))
      faults.push(`${at}: ${wide} px wider than the window ${which}`)
    }
    for (const text of await page.evaluate(narrow)) faults.push(`${at}: narrower than 12 characters: ${text}`)
    if (width < 500) { // tables whose rows are cards there have no reason to be wider than the page
      const cut = await page.evaluate(() => [...document.querySelectorAll('.scroll')].filter(e => e.querySelector(':scope > table.stack') && e.scrollWidth > e.clientWidth + 1).map(e => [...e.querySelectorAll('td')].find(d => d.scrollWidth > d.clientWidth + 1)?.textContent.trim().slice(0, 60) ?? e.getAttribute('aria-label')))
      for (const text of cut) faults.push(`${at}: cut off at the edge: ${text}`)
    }
    await page.evaluate(axe)
    for (const scheme of ['light', 'dark']) {
      at = `${name} ${width} ${scheme}`
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }])
      await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))) // the colours are those of the scheme
      const result = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }))
      for (const v of result.violations) faults.push(`${at}: ${v.id}: ${v.help}: ${v.nodes.slice(0, 2).map(n => n.html.slice(0, 160)).join(' | ')}`)
      if (SCREENSHOTS) {
        await mkdir(SCREENSHOTS, { recursive: true })
        await page.screenshot({ path: `${SCREENSHOTS}/${name}-${width}-${scheme}.png`, fullPage: !click })
      }
    }
  }
  did(name)
}
for (const fault of faults) did(`FAULT ${fault}`)
await browser.close()
process.exit(0)
