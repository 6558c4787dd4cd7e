// What is issued: the farmer's claims as SD-JWT VC and as a W3C credential with a Data Integrity proof.
import { readFileSync } from 'node:fs'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { DataIntegrityProof } from '@digitalbazaar/data-integrity'
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey'
import { cryptosuite as eddsaRdfc2022 } from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite'
import { defaultDocumentLoader, issue } from '@digitalbazaar/vc'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import { credentialKey } from './crypto.mjs'

const YEAR = 365 * 24 * 60 * 60
const proofTypes = { jwt: { proof_signing_alg_values_supported: ['ES256'] } }
const FARMER_CONTEXT = 'https://agriculture.example/contexts/farmer/v1'
const farmerContext = JSON.parse(
  readFileSync(new URL('../../examples/farmer/config/FarmerCredentialLd/contexts/farmer-v1.json', import.meta.url)),
)
const contexts = ['https://www.w3.org/ns/credentials/v2', FARMER_CONTEXT]

export const configurations = {
  FarmerCredential: {
    format: 'dc+sd-jwt',
    vct: 'urn:example:farmer',
    cryptographic_binding_methods_supported: ['jwk'],
    credential_signing_alg_values_supported: ['ES256'],
    proof_types_supported: proofTypes,
    credential_metadata: {},
  },
  FarmerCredentialLd: {
    format: 'ldp_vc',
    credential_definition: {
      '@context': contexts,
      type: ['VerifiableCredential', 'FarmerCredential'],
    },
    cryptographic_binding_methods_supported: ['did:key', 'did:jwk'],
    credential_signing_alg_values_supported: ['eddsa-rdfc-2022'],
    proof_types_supported: proofTypes,
    credential_metadata: {},
  },
}

const frame = {
  _sd: ['given_name', 'family_name', 'birthdate', 'address', 'land_area_ha', 'crops', 'phone_number'],
  address: { _sd: ['locality'] },
}

const sdJwt = new SDJwtVcInstance({
  signer: credentialKey.sign,
  signAlg: 'ES256',
  hasher: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
  hashAlg: 'sha-256',
  saltGenerator: (length) => randomBytes(length).toString('base64url'),
})

const ed25519 = await Ed25519Multikey.generate()
ed25519.controller = `did:key:${ed25519.publicKeyMultibase}`
ed25519.id = `${ed25519.controller}#${ed25519.publicKeyMultibase}`

export function issueCredential(configuration, issuer, person, holderJwk) {
  return configuration === 'FarmerCredential'
    ? issueSdJwt(issuer, person, holderJwk)
    : issueDataIntegrity(person, holderJwk)
}

export function issueSdJwt(issuer, person, holderJwk) {
  const now = Math.floor(Date.now() / 1000)
  const payload = {
    ...claimsOf(person),
    iss: issuer,
    iat: now,
    exp: now + YEAR,
    vct: configurations.FarmerCredential.vct,
    cnf: { jwk: holderJwk },
  }
  return sdJwt.issue(payload, frame, { header: { kid: credentialKey.kid } })
}

export function issueDataIntegrity(person, holderJwk) {
  const now = Date.now()
  const suite = new DataIntegrityProof({ signer: ed25519.signer(), cryptosuite: eddsaRdfc2022 })
  const credential = {
    '@context': contexts,
    type: ['VerifiableCredential', 'FarmerCredential'],
    id: `urn:uuid:${randomUUID()}`,
    issuer: {
      id: ed25519.controller,
      name: [
        { '@value': 'Department of Agriculture', '@language': 'en' },
        { '@value': 'कृषि विभाग', '@language': 'hi' },
      ],
    },
    validFrom: dateTime(now),
    validUntil: dateTime(now + YEAR * 1000),
    credentialSubject: {
      id: didJwk(holderJwk),
      type: 'Farmer',
      farmerId: person.farmer_id,
      givenName: person.given_name,
      familyName: person.family_name,
      birthDate: person.birthdate,
      address: {
        type: 'PostalAddress',
        addressLocality: person.village,
        addressRegion: person.state,
        addressCountry: 'IN',
      },
      landAreaHa: person.land_area_ha,
      crops: person.crops.split(';'),
      phoneNumber: person.phone_number,
    },
  }
  return issue({ credential, suite, documentLoader })
}

/** The library's own contexts, and the farmer's. The same object each time, so that what it processed stays cached. */
async function documentLoader(url) {
  if (url !== FARMER_CONTEXT) return defaultDocumentLoader(url)
  return { contextUrl: null, documentUrl: url, document: farmerContext }
}

function claimsOf(person) {
  return {
    farmer_id: person.farmer_id,
    given_name: person.given_name,
    family_name: person.family_name,
    birthdate: person.birthdate,
    address: { locality: person.village, region: person.state, country: 'IN' },
    land_area_ha: person.land_area_ha,
    crops: person.crops.split(';'),
    phone_number: person.phone_number,
  }
}

function didJwk({ kty, crv, x, y }) {
  return `did:jwk:${Buffer.from(JSON.stringify({ crv, kty, x, y })).toString('base64url')}`
}

function dateTime(milliseconds) {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`
}
