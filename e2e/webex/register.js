// Registers a contact centre client by the developer console's own pages, and says its id and its secret. BASE, LOGIN, REDIRECT.
import { Person, did } from './person.js'

const { BASE, LOGIN, REDIRECT } = process.env
const person = new Person(LOGIN)
await person.open(`${BASE}/apps`)
if (/Create a developer account/.test(person.page)) await person.submit({})
await person.open(`${BASE}/apps/new?type=contact-centre`)
await person.submit({ name: 'Foreign client', redirects: REDIRECT, scope: ['cjp:user'] })
did(/<code id="client-id">(\w+)/.exec(person.page)[1])
did(/<code id="secret">(\w+)/.exec(person.page)[1])
