// A person with a browser, without one: follows redirects, keeps cookies, fills in the sign-in page and the consent page.
export class Person {
  #cookies = new Map()

  constructor (login, password) { Object.assign(this, { login, password }) }

  async #fetch (url, form) {
    const response = await fetch(url, {
      redirect: 'manual',
      method: form ? 'POST' : 'GET',
      body: form && new URLSearchParams(form),
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)
      if (/max-age=0|max-age=-/i.test(cookie)) this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    return response
  }

  // open opens an address of the site and signs in if need be. The page is then in page.
  async open (address) {
    await this.#arrive(address, await this.#fetch(address))
    if (this.page.includes('<h1>Sign in</h1>')) await this.submit({ login: this.login })
  }

  // submit sends the first form of the page that is not the frame's.
  async submit (values) {
    const forms = [...this.page.matchAll(/<form method="post" action="([^"]*)"[\s\S]*?<\/form>/g)].filter(([, action]) => !action.endsWith('/signout'))
    const [form, action] = forms[0]
    const all = new URLSearchParams()
    for (const [, name, value] of form.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)) all.append(name, plain(value))
    for (const [name, value] of Object.entries(values)) for (const one of [value].flat()) all.append(name, one)
    const address = new URL(plain(action), this.at)
    await this.#arrive(address, await this.#fetch(address, all))
  }

  async #arrive (address, response) {
    for (let to; (to = response.headers.get('location'));) {
      address = new URL(to, address)
      response = await this.#fetch(address)
    }
    this.at = address
    this.page = await response.text()
  }

  // go opens an address and returns where the application was told its answer: on another site, or below a prefix.
  async go (address, prefix) {
    const here = new URL(address).origin
    let response = await this.#fetch(address)
    for (let steps = 0; steps < 12; steps++) {
      const to = response.headers.get('location')
      if (to) {
        address = new URL(to, address)
        if (prefix ? String(address).startsWith(prefix) : address.origin !== here) return address
        response = await this.#fetch(address)
        continue
      }
      const page = await response.text()
      const form = this.#fill(page)
      if (!form) throw new Error(`${address}: ${response.status}: ${page.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')}`)
      address = new URL(form.action, address)
      response = await this.#fetch(address, form.values)
    }
    throw new Error('sent round in circles')
  }

  #fill (page) {
    const [form, action] = /<form[^>]* method="post" action="([^"]*)"[\s\S]*?<\/form>/.exec(page) ?? []
    if (!form) return null
    const values = {}
    for (const [, name, value] of form.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)) values[name] = plain(value)
    const allow = / name="(\w+)" value="allow"/.exec(form)
    if (this.password && form.includes('type="password"') && !page.includes('role="alert"')) Object.assign(values, { name: this.login, password: this.password })
    else if (page.includes('<h1>Sign in</h1>') && !page.includes('role="alert"')) values.login = this.login
    else if (allow) values[allow[1]] = 'allow'
    else if (page.includes('name="logout"')) values.logout = 'yes' // oidc-provider asks
    else return null
    return { action: plain(action), values }
  }
}

const plain = text => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code)).replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&')

// did notes what was exercised, for the test to compare.
export const did = what => console.log(JSON.stringify({ did: what }))
