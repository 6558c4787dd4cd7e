// Digital Bazaar's verifier, with the contexts of its own packages and keys from the issuer's DID document.
import { contexts as credentialContexts } from '@digitalbazaar/credentials-context'
import { DataIntegrityProof } from '@digitalbazaar/data-integrity'
import dataIntegrityContext from '@digitalbazaar/data-integrity-context'
import { cryptosuite as ecdsaRdfc2019 } from '@digitalbazaar/ecdsa-rdfc-2019-cryptosuite'
import { cryptosuite as eddsaRdfc2022 } from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite'
import { verifyCredential } from '@digitalbazaar/vc'
import { documentOfDidKey, resolveDidWeb } from './did.mjs'

const MULTIKEY_CONTEXT = 'https://w3id.org/security/multikey/v1'

/** A function that verifies one credential and throws with the library's reasons. `own` maps URLs to contexts. */
export function dataIntegrityVerifier(own = new Map()) {
  const documentLoader = newDocumentLoader(own)
  const suite = [eddsaRdfc2022, ecdsaRdfc2019].map((cryptosuite) => new DataIntegrityProof({ cryptosuite }))
  return async (credential) => {
    // The library may write into what it is given.
    const result = await verifyCredential({ credential: structuredClone(credential), suite, documentLoader })
    if (!result.verified) throw new Error(reasons(result.error))
    return result
  }
}

/** Everything that a credential refers to. No context is fetched: the packages' ones, and those that were passed. */
function newDocumentLoader(own) {
  const known = new Map([...credentialContexts, ...dataIntegrityContext.contexts, ...own])
  const documents = new Map()
  const resolve = (did) => {
    // One fetch for each DID: every proof asks for the key, and then for its controller.
    if (!documents.has(did)) documents.set(did, resolveDid(did))
    return documents.get(did)
  }
  return async (url) => {
    const document = known.get(url) ?? (await loadDid(url, resolve))
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

function reasons(error) {
  const inner = error?.errors ?? (error?.cause ? [error.cause] : [])
  return inner.length > 0 ? inner.map(reasons).join('; ') : (error?.message ?? 'not verified, without a reason')
}
