// Another issuer, reached by the VC-API of the W3C's credentials community group: it signs what it is asked to, if the
// person is one of its own. Memberships are signed at once; diplomas wait for somebody to look at them.
import { createHash, randomUUID } from 'node:crypto'
import { newSigner } from '../../../host/tests/judges/lib/signer.mjs'
import { isAuthorized, serve } from './http.mjs'

/** A sample, so that the configuration can name the issuer's DID. A real issuer's key is nowhere to be read. */
const SEED = createHash('sha256').update('sample key of the platform example').digest()
const PEOPLE = {
  1001: { name: 'Asha Devi', memberSince: '2015-04-01', degree: 'BSc Agriculture' },
  1002: { name: 'Ravi Kumar', memberSince: '2019-09-15', degree: 'Diploma in Horticulture' },
}
/** What this issuer adds to each type. */
const CLAIMS = {
  MembershipCredential: ({ name, memberSince }) => ({ name, memberSince }),
  DiplomaCredential: ({ name, degree }) => ({ name, degree }),
}
const DEFERRED = 'DiplomaCredential'
/** How often a diploma is asked for until it is there. */
const LOOKS = 2
const RETRY_AFTER = '1'

export async function startIssuer({ port, token, contexts }) {
  const signer = await newSigner({ seed: SEED, contexts })
  const answers = new Map()
  const deferred = new Map()
  const url = await serve(port, async (request) => {
    if (!isAuthorized(request.headers, token)) return { status: 401, body: { error: 'who are you?' } }
    const { method, url } = request
    if (method === 'POST' && url.pathname === '/credentials/issue') return once(answers, request, () => issue(request))
    const ticket = method === 'GET' ? deferred.get(url.pathname) : undefined
    return ticket ? look(ticket, url.pathname) : { status: 404, body: { error: 'nothing here' } }
  })
  return { url, did: signer.did }

  async function issue({ body }) {
    const { credential } = JSON.parse(body)
    const type = credential?.type?.find((name) => name in CLAIMS)
    const { personId, ...subject } = credential?.credentialSubject ?? {}
    const person = PEOPLE[personId]
    if (!type || !person) return { status: 422, body: { error: 'no such credential, or nobody by this id' } }
    const complete = { ...credential, credentialSubject: { ...subject, ...CLAIMS[type](person) } }
    if (type !== DEFERRED) return { status: 201, body: { verifiableCredential: await signer.sign(complete) } }
    const location = `/credentials/pending/${randomUUID()}`
    deferred.set(location, { credential: complete, looks: 0 })
    return { status: 202, headers: { location, 'retry-after': RETRY_AFTER } }
  }

  async function look(ticket, location) {
    ticket.looks += 1
    if (ticket.looks < LOOKS) return { status: 202, headers: { location, 'retry-after': RETRY_AFTER } }
    ticket.signed ??= signer.sign(ticket.credential)
    return { status: 200, body: { verifiableCredential: await ticket.signed } }
  }
}

/** The same key gets the same answer, and never a second credential; with another body it is a mistake. */
function once(answers, { headers, body }, answer) {
  const key = headers['idempotency-key']
  if (!key) return { status: 400, body: { error: 'an Idempotency-Key is needed' } }
  const digest = createHash('sha256').update(body).digest('hex')
  const known = answers.get(key)
  if (known && known.digest !== digest) return { status: 422, body: { error: 'this key was for another request' } }
  if (known) return known.answer
  const entry = { digest, answer: answer() }
  answers.set(key, entry)
  return entry.answer
}
