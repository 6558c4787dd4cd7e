// The keys that an issuer publishes, from the two places that the two verifiers take them from.
import { getJson, wellKnown } from './http.mjs'

/** SD-JWT VC: JWT VC issuer metadata, with the keys inside or by reference. */
export async function jwtVcIssuerKeys(issuerUrl) {
  const address = wellKnown(issuerUrl, 'jwt-vc-issuer')
  const metadata = await getJson(address)
  if (metadata.issuer !== issuerUrl) {
    throw new Error(`${address} names the issuer '${metadata.issuer}', not '${issuerUrl}'`)
  }
  if ((metadata.jwks === undefined) === (metadata.jwks_uri === undefined)) {
    throw new Error(`${address} must have exactly one of 'jwks' and 'jwks_uri'`)
  }
  return { jwks: metadata.jwks ?? (await getJson(metadata.jwks_uri)), where: address }
}

/** The plain JWK Set of the issuer. */
export async function publishedJwks(issuerUrl) {
  const where = `${issuerUrl.replace(/\/$/, '')}/.well-known/jwks.json`
  return { jwks: await getJson(where), where }
}
