// An issuer by Digital Bazaar's libraries: signs VCDM 2.0 credentials with a did:key and `eddsa-rdfc-2022`.
import './webcrypto.mjs'
import { contexts as credentialContexts } from '@digitalbazaar/credentials-context'
import { DataIntegrityProof } from '@digitalbazaar/data-integrity'
import dataIntegrityContext from '@digitalbazaar/data-integrity-context'
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey'
import { cryptosuite as eddsaRdfc2022 } from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite'
import { issue } from '@digitalbazaar/vc'

/** `contexts` are pairs of a URL and the document there, beside those of the npm packages. */
export async function newSigner({ seed, contexts }) {
  const { publicKeyMultibase } = await Ed25519Multikey.generate({ seed })
  const did = `did:key:${publicKeyMultibase}`
  const key = await Ed25519Multikey.generate({ seed, controller: did })
  const known = new Map([...credentialContexts, ...dataIntegrityContext.contexts, ...contexts])
  const documentLoader = async (url) => {
    if (!known.has(url)) throw new Error(`the context ${url} is not known here`)
    return { contextUrl: null, documentUrl: url, document: structuredClone(known.get(url)), tag: 'static' }
  }
  const sign = (credential) => {
    const suite = new DataIntegrityProof({ cryptosuite: eddsaRdfc2022, signer: key.signer() })
    const complete = { ...structuredClone(credential), issuer: did, validFrom: now() }
    return issue({ credential: complete, suite, documentLoader })
  }
  return { did, sign }
}

function now() {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z')
}
