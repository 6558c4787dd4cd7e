// did:web, did:key and did:jwk, as far as the judges meet them.
import { getJson } from './http.mjs'

/** The did:web of an issuer's URL. */
export function didWebOf(issuerUrl) {
  const { host, pathname } = new URL(issuerUrl)
  const path = pathname.split('/').filter((segment) => segment !== '')
  return ['did:web', encodeURIComponent(host), ...path].join(':')
}

/** The DID document. On the loopback it is fetched over plain http, which did:web itself does not know. */
export async function resolveDidWeb(did) {
  const [, method, host, ...path] = did.split(':')
  if (method !== 'web' || !host) throw new Error(`'${did}' is not a did:web`)
  const authority = decodeURIComponent(host)
  const isLoopback = /^(localhost|127(\.\d{1,3}){3})(:\d+)?$/.test(authority)
  const location = path.length > 0 ? path.map(decodeURIComponent).join('/') : '.well-known'
  const document = await getJson(`${isLoopback ? 'http' : 'https'}://${authority}/${location}/did.json`)
  if (document.id !== did) throw new Error(`the DID document of '${did}' is that of '${document.id}'`)
  return document
}

/** The DID document that a did:key is: one Ed25519 key (multicodec 0xed01), for signing credentials. */
export function documentOfDidKey(did) {
  const [, method, publicKeyMultibase, ...rest] = did.split(':')
  if (method !== 'key' || !publicKeyMultibase?.startsWith('z6Mk') || rest.length > 0) {
    throw new Error(`'${did}' is not the did:key of an Ed25519 key`)
  }
  const id = `${did}#${publicKeyMultibase}`
  return {
    '@context': 'https://www.w3.org/ns/did/v1',
    id: did,
    verificationMethod: [{ id, type: 'Multikey', controller: did, publicKeyMultibase }],
    assertionMethod: [id],
  }
}

/** The key inside a did:jwk. */
export function keyOfDidJwk(did) {
  const [, method, encoded, ...rest] = String(did).split(':')
  if (method !== 'jwk' || !encoded || rest.length > 0) throw new Error(`'${did}' is not a did:jwk`)
  return JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'))
}
