// Judges one SD-JWT VC three times: by @sd-jwt/sd-jwt-vc with the keys of the JWT VC issuer metadata, by
// jose with the published JWK Set, and by the rules of RFC 9901 that neither library enforces.
import './lib/webcrypto.mjs'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { Refused, readArgument, readJsonArgument, run } from './lib/cli.mjs'
import { jwtVcIssuerKeys, publishedJwks } from './lib/issuer.mjs'
import { SIGNING_ALGORITHMS, samePublicKey } from './lib/keys.mjs'
import { checkStructure, decodeJson, split } from './lib/sd-jwt.mjs'
import { sdJwtVcVerifier } from './lib/verifier.mjs'

const REQUIRED_CLAIMS = ['vct', 'iat', 'exp', 'cnf']
const usage = `verify-sd-jwt-vc.mjs --credential FILE|- --issuer-url URL
  [--iss VALUE]             the 'iss' to expect; default: the issuer URL
  [--vct VALUE]             the 'vct' to expect
  [--holder-jwk JSON|@FILE] 'cnf.jwk' must be this key
  [--require CLAIM]...      a claim (path with dots) that must be disclosed
  [--optional CLAIM]...     one of ${REQUIRED_CLAIMS.join(', ')} that may be missing`
const options = {
  credential: { type: 'string' },
  'issuer-url': { type: 'string' },
  iss: { type: 'string' },
  vct: { type: 'string' },
  'holder-jwk': { type: 'string' },
  require: { type: 'string', multiple: true, default: [] },
  optional: { type: 'string', multiple: true, default: [] },
}

await run({ usage, options, required: ['credential', 'issuer-url'] }, async (args) => {
  const credential = await readArgument(args.credential)
  const holderJwk = args['holder-jwk'] && (await readJsonArgument('holder-jwk', args['holder-jwk']))
  const expected = {
    issuerUrl: args['issuer-url'],
    iss: args.iss ?? args['issuer-url'],
    vct: args.vct,
    holderJwk,
    disclosed: args.require,
    present: REQUIRED_CLAIMS.filter((name) => !args.optional.includes(name)),
  }
  const { verdicts, results } = await judge(credential, expected)
  const refusals = Object.entries(verdicts).filter(([, verdict]) => verdict !== 'accepted')
  if (refusals.length > 0) {
    const reasons = refusals.map(([name, verdict]) => `${name}: ${verdict}`).join('; ')
    throw new Refused(`the credential is refused: ${reasons}`, { verdicts })
  }
  const [library, , structure] = results
  return {
    verdicts,
    header: library.header,
    claims: library.payload,
    disclosures: structure.map(({ name, value }) => (name === undefined ? { value } : { name, value })),
  }
})

/** Every judge speaks, also when another has refused: a test can ask who noticed. */
async function judge(credential, expected) {
  const judges = {
    'sd-jwt-vc': () => bySdJwtVc(credential, expected),
    jose: () => byJose(credential, expected),
    structure: async () => withoutKeyBinding(credential),
  }
  const settled = await Promise.allSettled(Object.values(judges).map((verify) => verify()))
  const verdicts = Object.fromEntries(
    Object.keys(judges).map((name, index) => [name, settled[index].reason?.message ?? 'accepted']),
  )
  return { verdicts, results: settled.map(({ value }) => value) }
}

async function bySdJwtVc(credential, expected) {
  const verifier = sdJwtVcVerifier(await jwtVcIssuerKeys(expected.issuerUrl))
  const result = await verifier.verify(credential, { requiredClaimKeys: expected.disclosed })
  const used = (await verifier.presentableKeys(credential)).length
  const sent = split(credential).disclosures.length
  if (used !== sent) throw new Error(`only ${used} of ${sent} disclosures match a digest`)
  checkClaims(result.payload, expected)
  return result
}

async function byJose(credential, expected) {
  const { jwks } = await publishedJwks(expected.issuerUrl)
  const { jwt, parts } = split(credential)
  if (decodeJson(parts[0], 'the header').kid === undefined) throw new Error("the header has no 'kid'")
  // `iat` may be selectively disclosable, so jose, which sees the bare JWT, is not asked for it.
  await jwtVerify(jwt, createLocalJWKSet(jwks), {
    typ: 'dc+sd-jwt',
    algorithms: SIGNING_ALGORITHMS,
    issuer: expected.iss,
    requiredClaims: expected.present.filter((name) => name !== 'iat'),
  })
}

function withoutKeyBinding(credential) {
  if (!credential.endsWith('~')) throw new Error("an issued SD-JWT must end with '~'")
  return checkStructure(credential)
}

function checkClaims(claims, expected) {
  const missing = expected.present.filter((name) => claims[name] === undefined)
  if (missing.length > 0) throw new Error(`missing claims: ${missing.join(', ')}`)
  if (claims.iss !== expected.iss) throw new Error(`iss is '${claims.iss}', not '${expected.iss}'`)
  if (expected.vct !== undefined && claims.vct !== expected.vct) {
    throw new Error(`vct is '${claims.vct}', not '${expected.vct}'`)
  }
  for (const name of ['iat', 'nbf', 'exp']) {
    if (name in claims && !Number.isInteger(claims[name])) throw new Error(`${name} is not an integer`)
  }
  if (claims.cnf !== undefined) checkHolder(claims.cnf, expected.holderJwk)
  else if (expected.holderJwk) throw new Error('the credential is bound to no key')
}

function checkHolder(cnf, holderJwk) {
  if (!cnf.jwk) throw new Error("'cnf' has no 'jwk'")
  if ('d' in cnf.jwk) throw new Error("'cnf.jwk' holds a private key")
  if (holderJwk && !samePublicKey(cnf.jwk, holderJwk)) {
    throw new Error(`cnf.jwk is ${JSON.stringify(cnf.jwk)}, not the holder's key`)
  }
}
