// Walks through pages with the keyboard alone: BASE, COOKIE (name=value), PAGES (JSON: name, path), CHROMIUM, ROOT. Of each page: Tab comes to
// everything that can be used, in the order in which it is seen, and out again; what has the focus shows it, is in the window, and nothing
// covers it; the first stop leads to the content; a dialog keeps the focus, goes with Escape and gives it back. And at 320 pixels, which is 400 %
// of a window of 1280: nothing is wider than the window, cut off, or upon something else. It says what it found, page by page.
import puppeteer from 'puppeteer-core'
import { did } from './person.js'

const { BASE, COOKIE, PAGES, CHROMIUM, ROOT } = process.env
const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ['--disable-gpu', ...(ROOT === 'true' ? ['--no-sandbox'] : [])] })
process.on('exit', () => browser.process()?.kill('SIGKILL'))
const page = await browser.newPage()
page.setDefaultTimeout(240000) // of a busy machine
const [name, ...value] = COOKIE.split('=')
await page.setCookie({ name, value: value.join('='), url: BASE })
await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }])
const cdp = await page.createCDPSession()
await cdp.send('Network.enable')
await cdp.send('Network.setBlockedURLs', { urlPatterns: [{ urlPattern: '*://*:*/*live', block: true }, { urlPattern: '*://*:*/*live?*', block: true }] }) // what a stream sends anew has lost its marks
const faults = []
let at = ''
const fault = text => faults.push(`${at}: ${text}`)

// mark numbers what can be used in the order of the page, notes where it stands and how it looks without the focus, and from then on notes each
// stop. Of radio buttons of one name one is a stop; of what a label shows, the label counts.
const mark = () => {
  const looks = e => {
    const s = getComputedStyle(e)
    const outline = s.outlineStyle === 'none' || parseFloat(s.outlineWidth) < 1 ? '' : s.outlineStyle + s.outlineWidth + s.outlineColor
    return [outline, s.boxShadow, s.borderColor, s.backgroundColor].join()
  }
  const shown = e => e.matches('[type=radio], [type=checkbox]') && e.closest('label') || e
  const name = e => `<${e.tagName.toLowerCase()} class="${e.className}"> ${(e.getAttribute('aria-label') ?? (e.textContent.trim() || e.name || '')).trim().replace(/\s+/g, ' ').slice(0, 40)}`
  const groups = new Set()
  const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]')].filter(e => {
    if (e.disabled || e.tabIndex < 0 || e.closest('[inert]') || !e.checkVisibility({ checkVisibilityCSS: true })) return false
    if (e.type !== 'radio') return true
    const group = `${e.form?.id} ${e.form?.action} ${e.name}`
    const any = e.form && [...e.form.elements].some(o => o.name === e.name && o.checked)
    if (groups.has(group) || any && !e.checked) return false
    return groups.add(group)
  })
  const number = new Map(all.map((e, i) => [e, i]))
  const before = all.map(looks), around = all.map(e => looks(shown(e)))
  const boxes = all.map(e => {
    const r = e.getBoundingClientRect()
    const off = e.closest('.skip, .top') // which stands above the page wherever one is
    const at = r => ({ left: r.left, right: r.right, top: r.top + scrollY, bottom: r.bottom + scrollY })
    let within = e.parentElement // what it can be scrolled in
    while (within && !(/auto|scroll/.test(getComputedStyle(within).overflowY) && within.scrollHeight > within.clientHeight && within !== document.documentElement)) within = within.parentElement
    return off ? null : { ...at(r), within: within ? { ...at(within.getBoundingClientRect()), no: all.findIndex(o => within.contains(o)) } : null }
  })
  const stops = window.stops = []
  document.addEventListener('focusin', event => {
    const e = event.target, i = number.get(e) ?? -1, r = shown(e).getBoundingClientRect()
    const x = Math.min(Math.max(r.left + r.width / 2, 0), innerWidth - 1), y = Math.min(Math.max(r.top + Math.min(r.height / 2, innerHeight / 2), 0), innerHeight - 1)
    const top = document.elementFromPoint(x, y)
    stops.push({
      i, name: name(e),
      shows: i < 0 || before[i] !== looks(e) || around[i] !== looks(shown(e)),
      seen: r.bottom > 0 && r.top < innerHeight,
      covered: top && !shown(e).contains(top) && !top.contains(e) && /sticky|fixed/.test((function up (t) { return !t ? '' : getComputedStyle(t).position + up(t.parentElement) })(top)) ? name(top) : '',
    })
  }, true)
  return { names: all.map(name), boxes }
}

// before reports whether what stands at b is seen before what stands at a: above it in the same column, or to its left in the same line.
const before = (b, a) => {
  if (a.within?.no !== b.within?.no) [a, b] = [a.within ?? a, b.within ?? b]
  const beside = Math.min(a.right, b.right) - Math.max(a.left, b.left), level = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
  return b.bottom <= a.top + 1 && beside > 4 || level > 4 && b.right <= a.left + 1
}

// tabs presses Tab as often, faster than a key at a time would be drawn.
const tabs = n => Promise.all(Array.from({ length: 2 * n }, (_, i) => cdp.send('Input.dispatchKeyEvent', { type: i % 2 ? 'keyUp' : 'rawKeyDown', key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 })))

const walk = async () => {
  const { names, boxes } = await page.evaluate(mark)
  let stops = [], out = false
  for (let pressed = 0; pressed < names.length + 100 && !out;) {
    await tabs(20)
    pressed += 20
    stops = await page.evaluate(() => window.stops)
    const again = stops.findIndex((s, k) => s.i >= 0 && stops.findIndex(o => o.i === s.i) < k)
    if (again >= 0) stops = stops.slice(0, again)
    out = again >= 0 // behind the last stop come the browser's own, and then the first again
  }
  if (!out) fault('the keyboard does not come out of the page')
  let last = null
  for (const s of stops) {
    if (!s.shows) fault(`the focus does not show: ${s.name}`)
    if (!s.seen) fault(`the focus is outside the window: ${s.name}`)
    if (s.covered) fault(`the focus is below something: ${s.name} below ${s.covered}`)
    if (s.i < 0) continue // something that can be scrolled
    if (last && s.i < last.i) fault(`out of order: ${s.name} after ${last.name}`)
    if (last && boxes[s.i] && boxes[last.i] && before(boxes[s.i], boxes[last.i])) fault(`not as it is seen: ${s.name} after ${last.name}`)
    last = s
  }
  const met = new Set(stops.map(s => s.i))
  for (const missed of names.filter((_, i) => !met.has(i)).slice(0, 3)) fault(`not reached: ${missed}`)
}

const skip = async () => {
  if (!await page.evaluate(() => { const first = document.querySelector('a[href], button'); first.focus(); return first.getAttribute('href')?.startsWith('#') })) return fault('the first stop is no way to the content')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  if (!await page.evaluate(() => !document.querySelector('main :is(a[href], button, input:not([type=hidden]), summary)') || document.activeElement.closest('main'))) fault('the way to the content leads elsewhere')
}

const dialogs = async () => {
  const ids = await page.evaluate(() => [...document.querySelectorAll('button[commandfor]')].filter(b => b.checkVisibility() && !b.disabled && !b.closest('dialog') && document.getElementById(b.getAttribute('commandfor'))?.matches('dialog')).map(b => b.getAttribute('commandfor')))
  for (const id of [...new Set(ids)].slice(0, 4)) {
    await page.focus(`button[commandfor="${id}"]`)
    await page.keyboard.press('Enter')
    if (!await page.evaluate(id => document.getElementById(id).open, id)) { fault(`Enter does not open ${id}`); continue }
    if (!await page.evaluate(id => document.getElementById(id).contains(document.activeElement), id)) fault(`the focus does not come into ${id}`)
    await page.evaluate(() => { window.stops = []; document.addEventListener('focusin', e => window.stops.push(e.target.closest('dialog')?.id), true) })
    await tabs(12)
    if (await page.evaluate(id => window.stops.some(s => s !== id), id)) fault(`the focus leaves ${id}`)
    await page.focus(`#${id} :is(button, input)`)
    await page.keyboard.press('Escape')
    const [open, back] = await page.evaluate(id => [document.getElementById(id).open, document.activeElement?.getAttribute('commandfor')], id)
    if (open || back !== id) fault(`Escape does not close ${id} and give the focus back`)
  }
}

// squeezed is what is wrong at 320 pixels.
const squeezed = () => {
  const found = [], name = e => `<${e.tagName.toLowerCase()} class="${e.className}"> ${e.textContent.trim().replace(/\s+/g, ' ').slice(0, 40)}`
  const over = document.documentElement.scrollWidth - document.documentElement.clientWidth
  if (over > 0) found.push(`${over} px wider than the window: ` + [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, pre, .tabs')).slice(-2).map(name))
  const boxes = []
  const away = e => { for (; e; e = e.parentElement) if (getComputedStyle(e).clipPath === 'inset(50%)') return true; return false } // for screen readers alone
  for (const e of document.querySelectorAll('body *')) {
    if (!e.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true }) || e.closest('svg, option, datalist') || away(e)) continue
    const s = getComputedStyle(e)
    if (/hidden|clip/.test(s.overflowX) && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1 && e.textContent.trim()) found.push(`cut off: ${name(e)}`)
    if (e.matches('select, textarea')) continue
    if (e.matches('input:not([type=hidden]), button, .btn')) boxes.push([e, cut(e, e.getBoundingClientRect())])
    for (const text of e.childNodes) {
      if (text.nodeType !== Node.TEXT_NODE || !text.data.trim()) continue
      const range = document.createRange()
      range.selectNodeContents(text)
      for (const r of range.getClientRects()) if (r.width > 2 && r.height > 2) boxes.push([e, cut(e, r)])
    }
  }
  // cut is the part of a box that what it can be scrolled in shows.
  function cut (e, { left, right, top, bottom }) {
    for (e = e.parentElement; e && e !== document.body; e = e.parentElement) {
      if (getComputedStyle(e).overflowY === 'visible') continue
      const r = e.getBoundingClientRect()
      left = Math.max(left, r.left); right = Math.min(right, r.right); top = Math.max(top, r.top); bottom = Math.min(bottom, r.bottom)
    }
    return { left, right, top, bottom }
  }
  const fixed = e => { for (; e; e = e.parentElement) if (/fixed|sticky/.test(getComputedStyle(e).position)) return true; return false }
  boxes.sort((a, b) => a[1].top - b[1].top)
  for (let i = 0; i < boxes.length; i++) {
    for (let k = i + 1; k < boxes.length && boxes[k][1].top < boxes[i][1].bottom - 4; k++) {
      const [a, r] = boxes[i], [b, q] = boxes[k]
      const w = Math.min(r.right, q.right) - Math.max(r.left, q.left), h = Math.min(r.bottom, q.bottom) - Math.max(r.top, q.top)
      if (!a.contains(b) && !b.contains(a) && w > 3 && h > 5 && !fixed(a) && !fixed(b)) found.push(`upon each other: ${name(a)} and ${name(b)}`)
    }
  }
  return found.slice(0, 3)
}

let told = 0
for (const { name, path } of JSON.parse(PAGES)) {
  at = name
  await page.setViewport({ width: 1280, height: 900, deviceScaleFactor: 0.1 })
  await page.goto(BASE + path, { waitUntil: 'load' })
  await walk()
  await skip()
  await dialogs()
  at = `${name} at 400 %`
  await page.setViewport({ width: 320, height: 256, deviceScaleFactor: 0.1 }) // 1280 by 1024
  for (const text of await page.evaluate(squeezed)) fault(text)
  did(name)
  process.stderr.write(`${name}\n`)
  process.stderr.write(faults.slice(told).map(f => f + '\n').join(''))
  told = faults.length
}
for (const text of faults) did(`FAULT ${text}`)
await browser.close()
process.exit(0)
