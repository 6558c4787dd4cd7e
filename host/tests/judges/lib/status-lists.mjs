// Status lists, fetched over HTTP in every form that an issuer publishes them in. Each form is judged by the
// library that was written for it; what a form says of one entry comes back as `{revocation, suspension, …}`
// or, of a Token Status List, as a number.
import './webcrypto.mjs'
import { checkStatus as checkBitstring, decodeList as decodeBitstring } from '@digitalbazaar/vc-bitstring-status-list'
import { checkStatus as checkStatusList2021 } from '@digitalbazaar/vc-status-list'
import { StatusList, getListFromStatusListJWT } from '@sd-jwt/jwt-status-list'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { reasons } from './data-integrity.mjs'
import { getText } from './http.mjs'
import { decodeJson } from './sd-jwt.mjs'

/** Bitstring Status List 1.0, 3.2: fewer entries would tell who is behind one. */
const MIN_ENTRIES = 131_072
const FORMS = {
  vc: { accept: 'application/vc', type: /^application\/vc(;|$)/ },
  'vc+jwt': { accept: 'application/vc+jwt', type: /^application\/vc\+jwt(;|$)/ },
  'statuslist+jwt': { accept: 'application/statuslist+jwt', type: /^application\/statuslist\+jwt(;|$)/ },
}
export const STATUS_LIST_2021 = 'format=StatusList2021'

/**
 * A function that fetches a list in one of the forms. `host` is where the lists are asked for, if that is not
 * where their URLs say: one of several hosts of the same issuer.
 */
export function listFetcher(host) {
  return (url, form) => {
    const address = host ? new URL(new URL(url).pathname + new URL(url).search, host).href : url
    return getText(address, FORMS[form])
  }
}

/** What Digital Bazaar's library does not ask of an entry and its list. */
export function checkEntry({ id, statusListIndex, statusListCredential, statusPurpose }, list) {
  if (!/^(0|[1-9]\d*)$/.test(statusListIndex)) throw new Error(`the index ${JSON.stringify(statusListIndex)} is no text`)
  if (id !== undefined && id !== `${statusListCredential}#${statusListIndex}`) throw new Error(`the entry's id is '${id}'`)
  if (list.id !== statusListCredential) throw new Error(`the list at ${statusListCredential} says that it is '${list.id}'`)
  const { statusPurpose: purpose, ttl } = list.credentialSubject
  if (purpose !== statusPurpose) throw new Error(`${list.id} is for ${purpose}, the entry for ${statusPurpose}`)
  if (ttl !== undefined && !(Number.isInteger(ttl) && ttl > 0)) throw new Error(`${list.id} has the ttl ${ttl}`)
  if (!(Date.parse(list.validUntil) > Date.now())) throw new Error(`${list.id} is valid until ${list.validUntil}`)
}

/** The value of an entry by the `BitstringStatusListCredential` itself. */
export async function valueInList(list, index) {
  const decoded = await decodeBitstring({ encodedList: list.credentialSubject.encodedList })
  if (decoded.length < MIN_ENTRIES) throw new Error(`${list.id} has ${decoded.length} entries`)
  return decoded.getStatus(Number(index))
}

/** The list with the value of one entry turned over, and nothing else changed: a forgery. */
export async function forgedList(list, index) {
  const decoded = await decodeBitstring({ encodedList: list.credentialSubject.encodedList })
  decoded.setStatus(Number(index), !decoded.getStatus(Number(index)))
  return { ...list, credentialSubject: { ...list.credentialSubject, encodedList: await decoded.encode() } }
}

/** Digital Bazaar's verdict on the entry alone, with a `loadList` of one's own: throws with its reasons. */
export async function judgeBitstring(credential, { suite, documentLoader }) {
  return verdict(await checkBitstring({ credential, suite, documentLoader }))
}

/**
 * The value by the list in the older spelling. No credential of ours names it, so the library is shown one
 * that does; it verifies the list's proof, not the credential's.
 */
export async function valueInStatusList2021({ entry, issuer, suite, documentLoader }) {
  const statusListCredential = `${entry.statusListCredential}?${STATUS_LIST_2021}`
  const credentialStatus = { ...entry, type: 'StatusList2021Entry', statusListCredential }
  const result = await checkStatusList2021({ credential: { issuer, credentialStatus }, suite, documentLoader })
  // The library says of a status that is set and of a list that is forged the same word; only one is an error.
  if (result.error) throw new Error(reasons(result.error))
  return !result.verified
}

/** The list inside a `vc+jwt` (VC-JOSE-COSE), verified by jose with the issuer's published keys. */
export async function verifyVcJwt(jwt, { jwks, issuer }) {
  const { payload, protectedHeader } = await jwtVerify(jwt, createLocalJWKSet(jwks), {
    typ: 'vc+jwt',
    algorithms: ['ES256'],
  })
  if (protectedHeader.kid === undefined) throw new Error("the header of the vc+jwt has no 'kid'")
  const named = typeof payload.issuer === 'string' ? payload.issuer : payload.issuer?.id
  if (named !== issuer) throw new Error(`the issuer in the vc+jwt is '${named}', not '${issuer}'`)
  if (payload.vc !== undefined) throw new Error("'vc' is a claim of the former specification")
  return payload
}

/** The number of one entry in a Token Status List, verified by jose and read by @sd-jwt/jwt-status-list. */
export async function valueInTokenList(jwt, { uri, index, jwks }) {
  const { payload } = await jwtVerify(jwt, createLocalJWKSet(jwks), {
    typ: 'statuslist+jwt',
    algorithms: ['ES256'],
    subject: uri,
    requiredClaims: ['iat', 'exp', 'ttl', 'status_list'],
  })
  for (const name of ['iat', 'exp', 'ttl']) {
    if (!Number.isInteger(payload[name])) throw new Error(`${name} of the Token Status List is not an integer`)
  }
  return { value: getListFromStatusListJWT(jwt).getStatus(index), bits: payload.status_list.bits, ttl: payload.ttl }
}

/** The same JWT with the value of one entry turned over, under the old signature. */
export async function forgedJwt(jwt, index) {
  const [header, encoded, signature] = jwt.split('.')
  const payload = decodeJson(encoded, 'the payload')
  const { bits, lst } = payload.status_list ?? {}
  if (lst === undefined) Object.assign(payload, await forgedList(payload, index))
  else {
    const list = StatusList.decompressStatusList(lst, bits)
    list.setStatus(index, list.getStatus(index) === 0 ? 1 : 0)
    payload.status_list.lst = list.compressStatusList()
  }
  return [header, Buffer.from(JSON.stringify(payload)).toString('base64url'), signature].join('.')
}

/** Throws unless `judge` refuses, for a reason that matches. */
export async function mustRefuse(what, reason, judge) {
  const said = await judge().then(
    () => 'accepted',
    (error) => error.message,
  )
  if (!reason.test(said)) throw new Error(`${what} should have been refused, but: ${said}`)
  return said
}

function verdict(result) {
  if (!result.verified) throw new Error(reasons(result.error))
  return result.results.map(({ credentialStatus, status }) => ({ credentialStatus, value: status }))
}
