// A reference issuer on @openid4vc/openid4vci: the pre-authorized code flow of OpenID4VCI 1.0, in memory.
// `node server.mjs PORT farmers.csv`; paths and claims are those of Chancery, so that one load generator drives both.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Oauth2AuthorizationServer } from '@openid4vc/oauth2'
import { Openid4vciIssuer, setGlobalConfig } from '@openid4vc/openid4vci'
import { configurations, issueCredential } from './credentials.mjs'
import { callbacks, randomText, tokenSigner, verifyToken } from './crypto.mjs'

const TOKEN_LIFETIME = 300
const NONCE_LIFETIME_MS = 300_000
const MAX_BODY = 64 * 1024
const PRE_AUTHORIZED = 'urn:ietf:params:oauth:grant-type:pre-authorized_code'

setGlobalConfig({ allowInsecureUrls: true })

const [port, csv] = process.argv.slice(2)
const url = `http://127.0.0.1:${port}`
const people = readPeople(csv)
const offers = new Map()
const redeemed = new Map()
const nonces = new Map()

const issuer = new Openid4vciIssuer({ callbacks })
const authorizationServer = new Oauth2AuthorizationServer({ callbacks })
const serverMetadata = authorizationServer.createAuthorizationServerMetadata({
  issuer: url,
  token_endpoint: `${url}/oauth/token`,
  grant_types_supported: [PRE_AUTHORIZED],
})
const credentialIssuer = issuer.createCredentialIssuerMetadata({
  credential_issuer: url,
  credential_endpoint: `${url}/openid4vci/credential`,
  nonce_endpoint: `${url}/openid4vci/nonce`,
  credential_configurations_supported: configurations,
})
const issuerMetadata = {
  originalDraftVersion: 'V1',
  credentialIssuer,
  authorizationServers: [serverMetadata],
  knownCredentialConfigurations: issuer.getKnownCredentialConfigurationsSupported(credentialIssuer),
}

const routes = {
  'GET /readyz': async () => ({ ready: true }),
  'GET /.well-known/openid-credential-issuer': async () => credentialIssuer,
  'POST /admin/v1/offers': createOffer,
  'POST /oauth/token': token,
  'POST /openid4vci/nonce': nonce,
  'POST /openid4vci/credential': credential,
}

createServer((request, response) => {
  answer(request)
    .then((body) => send(response, request.url === '/admin/v1/offers' ? 201 : 200, body))
    .catch((error) => send(response, 400, { error: 'refused', error_description: String(error?.message ?? error) }))
}).listen(Number(port), '127.0.0.1')

async function answer(request) {
  const route = routes[`${request.method} ${request.url}`]
  if (!route) throw new Error(`no route ${request.method} ${request.url}`)
  return route(request, await readBody(request))
}

/** An offer for one person; asked for by the issuer's backend. */
async function createOffer(_request, body) {
  const { credential_configuration_ids: ids, subject } = JSON.parse(body)
  if (!people.has(subject)) throw new Error('nobody has that id')
  const code = randomText()
  const offer = await issuer.createCredentialOffer({
    issuerMetadata,
    credentialConfigurationIds: ids,
    grants: { [PRE_AUTHORIZED]: { 'pre-authorized_code': code } },
  })
  offers.set(code, { id: randomText(), ids, subject })
  return { credential_offer: offer.credentialOfferObject, link: offer.credentialOffer }
}

async function token(request, body) {
  const { accessTokenRequest, grant } = authorizationServer.parseAccessTokenRequest({
    accessTokenRequest: Object.fromEntries(new URLSearchParams(body)),
    request: like(request),
  })
  const offer = offers.get(grant.preAuthorizedCode)
  if (!offer) throw new Error('the code is not known or was used')
  await authorizationServer.verifyPreAuthorizedCodeAccessTokenRequest({
    accessTokenRequest,
    grant,
    request: like(request),
    authorizationServerMetadata: serverMetadata,
    expectedPreAuthorizedCode: grant.preAuthorizedCode,
  })
  offers.delete(grant.preAuthorizedCode)
  redeemed.set(offer.id, offer)
  return authorizationServer.createAccessTokenResponse({
    audience: url,
    authorizationServer: url,
    expiresInSeconds: TOKEN_LIFETIME,
    signer: tokenSigner,
    subject: offer.id,
  })
}

async function nonce() {
  const cNonce = randomText()
  nonces.set(cNonce, Date.now() + NONCE_LIFETIME_MS)
  return issuer.createNonceResponse({ cNonce })
}

async function credential(request, body) {
  const offer = redeemed.get(verifyToken(bearer(request), url).sub)
  if (!offer) throw new Error('the access token names no offer')
  const credentialRequest = issuer.parseCredentialRequest({ issuerMetadata, credentialRequest: JSON.parse(body) })
  const id = credentialRequest.credentialConfigurationId
  if (!offer.ids.includes(id)) throw new Error('this configuration was not offered')
  const credentials = []
  for (const jwt of credentialRequest.proofs?.jwt ?? []) {
    const { signer, payload } = await issuer.verifyCredentialRequestJwtProof({ issuerMetadata, jwt })
    const goodUntil = nonces.get(payload.nonce)
    if (!nonces.delete(payload.nonce) || goodUntil < Date.now()) throw new Error('the nonce is not good (any more)')
    credentials.push({ credential: await issueCredential(id, url, people.get(offer.subject), signer.publicJwk) })
  }
  if (credentials.length === 0) throw new Error('no key proof')
  return issuer.createCredentialResponse({ credentialRequest, credentials })
}

function bearer(request) {
  const [scheme, text] = (request.headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'bearer') throw new Error('no bearer token')
  return text
}

/** The library reads requests as `fetch` shapes them. */
function like(request) {
  return { headers: new Headers(request.headers), method: request.method, url: url + request.url }
}

async function readBody(request) {
  const chunks = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length > MAX_BODY) throw new Error('the body is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function send(response, status, body) {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  })
  response.end(text)
}

/** The benchmark writes this file and puts neither quotes nor commas into its cells. */
function readPeople(path) {
  const [head, ...rows] = readFileSync(path, 'utf8').trimEnd().split('\n')
  const names = head.split(',')
  return new Map(
    rows.map((row) => {
      const cells = row.split(',')
      return [cells[0], Object.fromEntries(names.map((name, index) => [name, cells[index]]))]
    }),
  )
}
