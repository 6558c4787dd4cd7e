// Judges a JSON-LD credential with a Data Integrity proof by Digital Bazaar's libraries.
import './lib/webcrypto.mjs'
import { Refused, readArgument, readJsonArgument, run, usageError } from './lib/cli.mjs'
import { dataIntegrityVerifier, readContexts } from './lib/data-integrity.mjs'
import { didWebOf, keyOfDidJwk } from './lib/did.mjs'
import { samePublicKey } from './lib/keys.mjs'

const usage = `verify-data-integrity.mjs --credential FILE|- (--issuer-url URL | --issuer DID)
  [--context URL=FILE]...   a context beside those of the npm packages
  [--cryptosuite NAME]      the suite to expect
  [--holder-jwk JSON|@FILE] 'credentialSubject.id' must be the did:jwk of this key
  [--tamper]                change, remove and add each member in turn: none of it may verify`
const options = {
  credential: { type: 'string' },
  'issuer-url': { type: 'string' },
  issuer: { type: 'string' },
  context: { type: 'string', multiple: true, default: [] },
  cryptosuite: { type: 'string' },
  'holder-jwk': { type: 'string' },
  tamper: { type: 'boolean', default: false },
}

await run({ usage, options, required: ['credential'] }, async (args) => {
  if ((args.issuer === undefined) === (args['issuer-url'] === undefined)) {
    throw usageError('one of --issuer-url and --issuer is needed')
  }
  const credential = JSON.parse(await readArgument(args.credential))
  const { verify } = dataIntegrityVerifier({ own: await readContexts(args.context) })
  checkShape(credential, {
    issuer: args.issuer ?? didWebOf(args['issuer-url']),
    cryptosuite: args.cryptosuite,
    holderJwk: args['holder-jwk'] && (await readJsonArgument('holder-jwk', args['holder-jwk'])),
  })
  try {
    await verify(credential)
  } catch (error) {
    throw new Refused(`the credential is refused: ${error.message}`)
  }
  return { credential, ...(args.tamper && { tampered: await tamper(credential, verify) }) }
})

/** What the library does not ask for. */
function checkShape({ issuer, proof, credentialSubject }, expected) {
  const id = typeof issuer === 'string' ? issuer : issuer?.id
  if (id !== expected.issuer) throw new Refused(`the issuer is '${id}', not '${expected.issuer}'`)
  if (Array.isArray(proof)) throw new Refused('the credential has several proofs')
  if (proof?.type !== 'DataIntegrityProof') throw new Refused(`the proof is a '${proof?.type}'`)
  if (expected.cryptosuite && proof.cryptosuite !== expected.cryptosuite) {
    throw new Refused(`the cryptosuite is '${proof.cryptosuite}', not '${expected.cryptosuite}'`)
  }
  if (expected.holderJwk && !samePublicKey(keyOfDidJwk(credentialSubject.id), expected.holderJwk)) {
    throw new Refused(`the subject '${credentialSubject.id}' is not the holder's key`)
  }
}

/** Every member changed, removed, and joined by one more; answers how many were tried. */
async function tamper(credential, verify) {
  let tried = 0
  for (const { path, change } of changes(credential)) {
    const tampered = structuredClone(credential)
    change(tampered)
    tried += 1
    const passed = await verify(tampered).then(
      () => true,
      () => false,
    )
    if (passed) throw new Refused(`verified although tampered with at ${path}`, { tampered })
  }
  return tried
}

function* changes(root) {
  for (const path of places(root)) {
    const shown = path.join('.')
    const value = path.reduce((node, step) => node[step], root)
    const at = (node) => path.slice(0, -1).reduce((inner, step) => inner[step], node)
    const last = path.at(-1)
    if (typeof value !== 'object') {
      yield { path: shown, change: (node) => (at(node)[last] = other(value)) }
      // Without a context that nothing used or that the library adds by itself, the same is said.
      if (path[0] !== '@context') yield { path: `${shown} (removed)`, change: (node) => remove(at(node), last) }
    } else if (!Array.isArray(value)) {
      yield { path: `${shown} (added to)`, change: (node) => (at(node)[last].added = 'x') }
    }
  }
}

function* places(node, path = []) {
  for (const [name, value] of Object.entries(node)) {
    yield [...path, name]
    if (value !== null && typeof value === 'object') yield* places(value, [...path, name])
  }
}

function remove(node, name) {
  if (Array.isArray(node)) node.splice(Number(name), 1)
  else delete node[name]
}

function other(value) {
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  return `${value}x`
}
