// A wallet built on @openid4vc/openid4vci: takes the credentials of one pre-authorized offer, and comes back for
// those that are deferred.
import './lib/webcrypto.mjs'
import { Oauth2ClientErrorResponseError, clientAuthenticationAnonymous } from '@openid4vc/oauth2'
import {
  Openid4vciClient,
  Openid4vciRetrieveCredentialsError,
  Openid4vciVersion,
  setGlobalConfig,
} from '@openid4vc/openid4vci'
import { SignJWT, exportJWK, generateKeyPair, importJWK } from 'jose'
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { Refused, run, usageError } from './lib/cli.mjs'
import { guardedFetch } from './lib/http.mjs'

const MAX_KEYS = 100
const ALGORITHMS = ['ES256', 'EdDSA']
/** How often a wallet comes back for a deferred credential, and the longest that it waits in between. */
const MAX_POLLS = 60
const MAX_INTERVAL_SECONDS = 5
const usage = `wallet.mjs --offer URI
                          openid-credential-offer://…, or the http(s) address of the offer itself
  [--tx-code CODE]        the transaction code that the holder was told
  [--keys N]              ask for N credentials, each bound to its own key (default 1, at most ${MAX_KEYS})
  [--alg ES256|EdDSA]     algorithm of the holder keys (default ES256)
  [--configuration ID]    which offered credential configuration (default: the first)`
const options = {
  offer: { type: 'string' },
  'tx-code': { type: 'string' },
  keys: { type: 'string', default: '1' },
  alg: { type: 'string', default: 'ES256' },
  configuration: { type: 'string' },
}

// The library insists on https. Its switch opens http for every host, so `guardedFetch` closes it again
// for all but the loopback.
setGlobalConfig({ allowInsecureUrls: true })

await run({ usage, options, required: ['offer'] }, async (args) => {
  const count = Number(args.keys)
  if (!Number.isInteger(count) || count < 1 || count > MAX_KEYS) {
    throw usageError(`--keys must be a number from 1 to ${MAX_KEYS}`)
  }
  if (!ALGORITHMS.includes(args.alg)) throw usageError(`--alg must be one of ${ALGORITHMS.join(', ')}`)
  const holders = await Promise.all(Array.from({ length: count }, () => newHolder(args.alg)))
  return takeOffer(newClient(holders), holders, args)
})

async function takeOffer(client, holders, args) {
  const offer = await step('offer', () => client.resolveCredentialOffer(offerUri(args.offer)))
  const configurationId = chooseConfiguration(offer, args.configuration)
  const metadata = await step('metadata', () => resolveMetadata(client, offer.credential_issuer))
  const token = await step('token', () =>
    client.retrievePreAuthorizedCodeAccessTokenFromOffer({
      credentialOffer: offer,
      issuerMetadata: metadata,
      txCode: args['tx-code'],
    }),
  )
  const accessToken = token.accessTokenResponse.access_token
  const { c_nonce: nonce } = await step('nonce', () => client.requestNonce({ issuerMetadata: metadata }))
  const proofs = await step('proof', () => signProofs(client, { metadata, configurationId, nonce, holders }))
  const { credentialResponse } = await step('credential', () =>
    client.retrieveCredentials({
      issuerMetadata: metadata,
      credentialConfigurationId: configurationId,
      proofs: { jwt: proofs },
      accessToken,
    }),
  )
  const { response, polls } = await step('deferred', () => untilReady(client, metadata, accessToken, credentialResponse))
  return {
    credentials: await step('credential', () => credentialsOf(response, holders.length)),
    polls,
    holderJwks: holders.map(({ publicJwk }) => publicJwk),
    // Keys of a throw-away wallet: present.mjs signs a key binding with them.
    holderPrivateJwks: holders.map(({ privateJwk }) => privateJwk),
    offer,
    configurationId,
    metadata: { issuer: metadata.credentialIssuer, authorizationServers: metadata.authorizationServers },
    token: token.accessTokenResponse,
  }
}

/** A bare address is taken as `credential_offer_uri`, as if it stood in a QR code. */
function offerUri(argument) {
  const { protocol, searchParams } = new URL(argument)
  const isBare = !searchParams.has('credential_offer') && !searchParams.has('credential_offer_uri')
  return isBare && /^https?:$/.test(protocol)
    ? `openid-credential-offer://?credential_offer_uri=${encodeURIComponent(argument)}`
    : argument
}

function chooseConfiguration(offer, wanted) {
  const offered = offer.credential_configuration_ids
  const chosen = wanted ?? offered[0]
  if (!offered.includes(chosen)) {
    throw new Refused(`the offer has no credential configuration '${chosen}', but ${offered.join(', ')}`, {
      step: 'offer',
    })
  }
  return chosen
}

/** The library falls back to older drafts in silence; a 1.0 issuer must be read as one. */
async function resolveMetadata(client, issuer) {
  const metadata = await client.resolveIssuerMetadata(issuer)
  if (metadata.originalDraftVersion !== Openid4vciVersion.V1) {
    throw new Error(`the issuer metadata was read as ${metadata.originalDraftVersion}, not as OpenID4VCI 1.0`)
  }
  const anonymous = metadata.authorizationServers.every(
    (server) => server['pre-authorized_grant_anonymous_access_supported'] === true,
  )
  if (!anonymous) throw new Error('the authorization server does not admit anonymous wallets')
  return metadata
}

function signProofs(client, { metadata, configurationId, nonce, holders }) {
  return Promise.all(
    holders.map(async ({ alg, publicJwk }) => {
      const { jwt } = await client.createCredentialRequestJwtProof({
        issuerMetadata: metadata,
        credentialConfigurationId: configurationId,
        nonce,
        signer: { method: 'jwk', alg, publicJwk },
      })
      return jwt
    }),
  )
}

/** Comes back as long as the issuer says so; the library holds it to its transaction id. */
async function untilReady(client, issuerMetadata, accessToken, first) {
  let response = first
  let polls = 0
  while (response.transaction_id !== undefined) {
    if (polls === MAX_POLLS) throw new Error(`still deferred after ${polls} polls`)
    await setTimeout(1000 * Math.min(response.interval, MAX_INTERVAL_SECONDS))
    const transactionId = response.transaction_id
    const answer = await client.retrieveDeferredCredentials({ issuerMetadata, accessToken, transactionId })
    response = answer.deferredCredentialResponse
    polls += 1
  }
  return { response, polls }
}

/**
 * OpenID4VCI 1.0 wants `{credentials: [{credential}]}`, text or (ldp_vc) an object; the library would also take
 * draft shapes.
 */
function credentialsOf(response, expected) {
  const credentials = response.credentials?.map((entry) => entry.credential)
  const isCredential = (item) => typeof item === 'string' || (item?.proof && !Array.isArray(item))
  if (credentials?.length !== expected || !credentials.every(isCredential)) {
    throw new Error(`expected ${expected} credentials, got ${JSON.stringify(response)}`)
  }
  return credentials
}

async function newHolder(alg) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, publicJwk: await exportJWK(publicKey), privateJwk: await exportJWK(privateKey) }
}

function newClient(holders) {
  const unused = (name) => () => {
    throw new Error(`this wallet does not expect to ${name}`)
  }
  return new Openid4vciClient({
    callbacks: {
      fetch: guardedFetch,
      hash: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
      generateRandom: (length) => randomBytes(length),
      clientAuthentication: clientAuthenticationAnonymous(),
      signJwt: (signer, jwt) => signWithHolderKey(holders, signer, jwt),
      decryptJwe: unused('decrypt'),
      encryptJwe: unused('encrypt'),
      verifyJwt: unused('verify signed metadata'),
    },
  })
}

async function signWithHolderKey(holders, signer, { header, payload }) {
  const holder = holders.find(({ publicJwk }) => publicJwk.x === signer.publicJwk.x)
  const key = await importJWK(holder.privateJwk, holder.alg)
  const jwt = await new SignJWT(payload).setProtectedHeader(header).sign(key)
  return { jwt, signerJwk: holder.publicJwk }
}

/** Adds to a failure where in the flow it happened and what the server said. */
async function step(name, action) {
  try {
    return await action()
  } catch (error) {
    throw new Refused(`${name}: ${error.message}`, { step: name, ...(await serverAnswer(error)) })
  }
}

async function serverAnswer(error) {
  if (error instanceof Oauth2ClientErrorResponseError) {
    return { status: error.response.status, code: error.errorResponse.error, body: error.errorResponse }
  }
  if (error instanceof Openid4vciRetrieveCredentialsError) {
    const { response, credentialErrorResponseResult, deferredCredentialErrorResponseResult } = error.response
    const refusal = credentialErrorResponseResult ?? deferredCredentialErrorResponseResult
    return { status: response.status, code: refusal?.data?.error, body: refusal?.data }
  }
  return error.response ? { status: error.response.status } : {}
}
