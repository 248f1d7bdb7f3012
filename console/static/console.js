// What the pages do beyond being read: times that grow older, a key for the search, and the control of what moves.
(() => {
  const byId = (id) => document.getElementById(id)

  // Relative times, in the words of words.go, and the exact time in the zone of whoever looks.
  const roughly = (s) =>
    s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min` : s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`
  const ago = (t) => {
    const s = Math.floor((Date.now() - t) / 1000)
    if (s < 0) return `in ${roughly(-s)}`
    return s < 5 ? 'just now' : `${roughly(s)} ago`
  }
  const times = () => {
    for (const e of document.querySelectorAll('time[datetime]')) {
      const t = Date.parse(e.dateTime)
      const words = ago(t)
      if (e.textContent !== words) e.textContent = words
      if (!e.title.includes('\n')) e.title = `${new Date(t).toLocaleString()}\n${e.title}`
    }
  }
  times()
  setInterval(times, 5000)

  // "/" goes to the search, unless somebody is typing.
  document.addEventListener('keydown', (e) => {
    if (e.key !== '/' || e.ctrlKey || e.metaKey || e.altKey) return
    if (e.target.closest?.('input, textarea, select, [contenteditable]')) return
    const search = document.querySelector('[data-search]')
    if (!search) return
    e.preventDefault()
    search.focus()
    search.select()
  })

  // Copying needs a script, so its buttons come with it.
  for (const b of document.querySelectorAll('[data-copy]')) {
    const words = b.innerHTML
    b.hidden = false
    b.addEventListener('click', async () => {
      await navigator.clipboard.writeText(b.dataset.copy)
      b.textContent = 'Copied'
      setTimeout(() => (b.innerHTML = words), 2000)
    })
  }

  // A form is sent once: pressing twice must not do twice.
  document.addEventListener('submit', (e) => {
    if (e.target.method !== 'post' || e.target.target === '_blank') return
    if (e.target.dataset.sent) return e.preventDefault()
    e.target.dataset.sent = '1'
  })
  addEventListener('pageshow', () => document.querySelectorAll('form[data-sent]').forEach((f) => delete f.dataset.sent))

  // Where there is no room for all tabs, the one that is open is seen.
  document.querySelector('.tabs [aria-current="page"]')?.scrollIntoView({ inline: 'center', block: 'nearest', behavior: 'instant' })

  // What a region stands for is shown where nothing else is written.
  const presets = document.querySelector('[data-presets]')
  if (presets) {
    const all = JSON.parse(presets.dataset.presets)
    document.addEventListener('change', (e) => {
      if (e.target.name !== 'set-region') return
      for (const [name, value] of Object.entries(all[e.target.value] ?? {})) {
        const to = byId(`f-set-${name}`)
        if (to && to.tagName !== 'SELECT') to.placeholder = value
      }
    })
  }

  // Dialogs open by an attribute; a browser that does not know it yet is told how.
  if (!('commandForElement' in HTMLButtonElement.prototype)) {
    document.addEventListener('click', (e) => {
      const b = e.target.closest?.('button[commandfor]')
      const d = b && byId(b.getAttribute('commandfor'))
      if (d) b.getAttribute('command') === 'close' ? d.close() : d.showModal()
    })
  }

  // All or none of a list, and how many are ticked.
  const count = (form) => {
    const boxes = [...form.querySelectorAll('input[type=checkbox][name=id]')]
    const n = boxes.filter((b) => b.checked).length
    for (const e of form.querySelectorAll('[data-ticked]')) e.textContent = `${n} of ${boxes.length} ticked`
  }
  const ticks = () => {
    for (const form of document.querySelectorAll('form[data-ticks]')) {
      for (const p of form.querySelectorAll('.tickall')) p.hidden = false
      count(form)
    }
  }
  ticks()
  document.addEventListener('click', (e) => {
    const b = e.target.closest?.('[data-tick]')
    if (!b) return
    for (const box of b.form.querySelectorAll('input[type=checkbox][name=id]')) box.checked = b.dataset.tick === 'all'
    count(b.form)
  })
  document.addEventListener('change', (e) => {
    const form = e.target.closest?.('form[data-ticks]')
    if (form) count(form)
  })

  const keep = (into, box) => {
    const here = [...into.querySelectorAll('input[type=checkbox]')].find((b) => b.name === box.name && b.value === box.value)
    if (here) {
      here.checked = true
      return
    }
    const hidden = Object.assign(document.createElement('input'), { type: 'hidden', name: box.name, value: box.value })
    hidden.dataset.kept = ''
    into.querySelector('form')?.append(hidden)
  }

  // What is found follows the letters; without a script the button searches.
  let asked = 0
  document.addEventListener('input', (e) => {
    const id = e.target.dataset?.pick
    if (!id) return
    clearTimeout(asked)
    asked = setTimeout(async () => {
      const form = e.target.form
      const q = new URLSearchParams(new FormData(form))
      const answer = await fetch(`${form.getAttribute('action')}?${q}`)
      if (!answer.ok || answer.redirected) return
      const kept = e.target.dataset.keep === undefined ? [] : [...(byId(id)?.querySelectorAll('input[type=checkbox]:checked, input[data-kept]') ?? [])]
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      byId(id)?.replaceWith(page.getElementById(id))
      for (const box of kept) keep(byId(id), box) // what was ticked stays so, also while it is not among what is found
    }, 200)
  })

  // What a form would give is shown while somebody types; without a script a button shows it.
  let tried = 0
  let trial = null
  const live = (e) => {
    const form = e.target.form?.dataset.live ? e.target.form : null
    if (!form) return
    clearTimeout(tried)
    tried = setTimeout(async () => {
      trial?.abort()
      trial = new AbortController()
      const body = new URLSearchParams(new FormData(form))
      body.set('do', 'try')
      try {
        const answer = await fetch(form.getAttribute('action'), { method: 'POST', body, signal: trial.signal })
        if (answer.redirected || !(answer.ok || answer.status === 422)) return
        const to = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById(form.dataset.live)
        if (to) byId(form.dataset.live)?.replaceChildren(...to.childNodes)
      } catch {} // typed on, or not connected: the next letter asks anew
    }, 300)
  }
  document.addEventListener('input', live)
  document.addEventListener('change', live)

  const stream = byId('stream')
  if (!stream) return

  // Live, paused, or not connected: the words beside the pulse say which, and since when.
  let paused = localStorage.getItem('lockstep-live') === 'paused'
  let connected = false
  let fresh = Date.now()
  const show = () => {
    const box = byId('livebox')
    if (!box) return
    box.hidden = false
    box.dataset.state = paused ? 'paused' : connected ? 'live' : 'lost'
    const since = `last updated ${ago(fresh)}`
    byId('livestate').textContent = paused ? `Paused, ${since}` : connected ? 'Live' : `Not connected, ${since}`
    byId('livetoggle').textContent = paused ? 'Go live' : 'Pause'
  }
  document.addEventListener('click', (e) => {
    if (e.target.id === 'livetoggle') {
      paused = !paused
      localStorage.setItem('lockstep-live', paused ? 'paused' : 'live')
      if (!paused) return location.reload() // what was missed comes with the page
      show()
    }
    if (e.target.id === 'shownewer') swapLog(true)
  })
  show()
  setInterval(show, 1000)

  // Lines that come while somebody reads the log do not move it: a button says that they are there.
  let newer = ''
  const reading = () => {
    const log = byId('log')
    return log.contains(document.activeElement) || log.querySelector('details[open]') !== null || log.getBoundingClientRect().top < 0
  }
  const swapLog = async (now) => {
    if (!newer) return
    if (!now && reading()) {
      byId('newer').hidden = false
      return
    }
    const text = newer
    newer = ''
    await htmx.swap({ sourceElement: stream, target: byId('log'), swap: 'outerMorph', text })
    times()
  }

  // Progress is spoken every ten per cent, not with every change.
  let spoken = -1
  const speak = () => {
    const bar = document.querySelector('#live [role=progressbar][aria-valuemax]')
    const tenth = bar ? Math.floor((10 * bar.getAttribute('aria-valuenow')) / bar.getAttribute('aria-valuemax')) : -1
    if (tenth !== spoken && bar) byId('say').textContent = bar.getAttribute('aria-valuetext')
    if (spoken >= 0 && !bar) byId('say').textContent = 'The cycle has ended.'
    spoken = tenth
  }

  stream.addEventListener('htmx:sse:before:message', (e) => {
    fresh = Date.now()
    if (paused) e.preventDefault()
  })
  stream.addEventListener('htmx:sse:after:message', () => {
    show()
    times()
    speak()
    ticks()
  })
  stream.addEventListener('htmx:sse:after:connection', (e) => {
    connected = e.detail.connection.status === 200
    show()
  })
  stream.addEventListener('htmx:sse:error', (e) => {
    connected = false
    if (e.detail.status === 401) location.reload() // the session has ended: the page says what to do
    show()
  })
  stream.addEventListener('htmx:sse:close', () => {
    connected = false
    show()
  })
  stream.addEventListener('log', (e) => {
    newer = e.detail.data
    swapLog(false)
  })
  stream.addEventListener('ended', () => location.reload())
})()
