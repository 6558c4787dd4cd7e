// Digital Bazaar's verifier, with the contexts of its own packages and keys from the issuer's DID document.
import { contexts as credentialContexts } from '@digitalbazaar/credentials-context'
import { DataIntegrityProof } from '@digitalbazaar/data-integrity'
import dataIntegrityContext from '@digitalbazaar/data-integrity-context'
import { cryptosuite as ecdsaRdfc2019 } from '@digitalbazaar/ecdsa-rdfc-2019-cryptosuite'
import { cryptosuite as eddsaRdfc2022 } from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite'
import { verifyCredential } from '@digitalbazaar/vc'
import { contexts as bitstringContexts } from '@digitalbazaar/vc-bitstring-status-list-context'
import statusList2021Context from '@digitalbazaar/vc-status-list-context'
import { readFile } from 'node:fs/promises'
import { usageError } from './cli.mjs'
import { documentOfDidKey, resolveDidWeb } from './did.mjs'

const MULTIKEY_CONTEXT = 'https://w3id.org/security/multikey/v1'
const PACKAGED = [
  credentialContexts,
  dataIntegrityContext.contexts,
  bitstringContexts,
  statusList2021Context.contexts,
]

/**
 * `verify` judges one credential and throws with the library's reasons; `suite` and `documentLoader` are what
 * it works with. `own` maps URLs to contexts; `loadList` answers a status list, or nothing for another URL.
 */
export function dataIntegrityVerifier({ own = new Map(), loadList = () => undefined } = {}) {
  const documentLoader = newDocumentLoader(own, loadList)
  const suite = [eddsaRdfc2022, ecdsaRdfc2019].map((cryptosuite) => new DataIntegrityProof({ cryptosuite }))
  const verify = async (credential, checkStatus = notAsked) => {
    // The library may write into what it is given.
    const options = { credential: structuredClone(credential), suite, documentLoader, checkStatus }
    const result = await verifyCredential(options)
    if (!result.verified) throw new Error(reasons(result.error ?? result.statusResult?.error))
    return result
  }
  return { verify, suite, documentLoader }
}

/** Contexts from arguments of the form URL=FILE. */
export async function readContexts(pairs) {
  const contexts = new Map()
  for (const pair of pairs) {
    const [, url, file] = /^([^=]+)=(.+)$/.exec(pair) ?? []
    if (!file) throw usageError('--context must be URL=FILE')
    contexts.set(url, JSON.parse(await readFile(file, 'utf8')))
  }
  return contexts
}

/** The library verifies nothing that has a `credentialStatus` without a function for it. */
async function notAsked() {
  return { verified: true }
}

/** Everything that a credential refers to. No context is fetched: the packages' ones, and those that were passed. */
function newDocumentLoader(own, loadList) {
  const known = new Map([...PACKAGED.flatMap((contexts) => [...contexts]), ...own])
  const documents = new Map()
  const resolve = (did) => {
    // One fetch for each DID: every proof asks for the key, and then for its controller.
    if (!documents.has(did)) documents.set(did, resolveDid(did))
    return documents.get(did)
  }
  return async (url) => {
    const document = known.get(url) ?? (await loadList(url)) ?? (await loadDid(url, resolve))
    return { contextUrl: null, documentUrl: url, document: structuredClone(document), tag: 'static' }
  }
}

async function loadDid(url, resolve) {
  if (!/^did:(web|key):/.test(url)) throw new Error(`'${url}' is neither a known context nor a did:web or did:key`)
  const [did, fragment] = url.split('#')
  const document = await resolve(did)
  if (fragment === undefined) return document
  const found = document.verificationMethod.filter(({ id }) => id === url)
  if (found.length !== 1) throw new Error(`the DID document has ${found.length} verification methods '${url}'`)
  return { '@context': MULTIKEY_CONTEXT, ...found[0] }
}

async function resolveDid(did) {
  return did.startsWith('did:key:') ? documentOfDidKey(did) : resolveDidWeb(did)
}

/** Every message of an error and of what is inside it: the outermost rarely says why. */
export function reasons(error) {
  const inner = error?.errors ?? (error?.cause ? [error.cause] : [])
  return inner.length > 0 ? inner.map(reasons).join('; ') : (error?.message ?? 'not verified, without a reason')
}
