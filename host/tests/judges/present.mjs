// Shows one claim of an SD-JWT VC to a verifier, with a key binding, by @sd-jwt/sd-jwt-vc; then tries to
// cheat that verifier. Proves that selective disclosure and holder binding hold for a real verifier.
import './lib/webcrypto.mjs'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import { generateKeyPairSync } from 'node:crypto'
import { Refused, readArgument, readJsonArgument, run } from './lib/cli.mjs'
import { jwtVcIssuerKeys } from './lib/issuer.mjs'
import { algorithmOf, createSignature } from './lib/keys.mjs'
import { checkStructure, decodeJson, hasher, join, split } from './lib/sd-jwt.mjs'
import { sdJwtVcVerifier } from './lib/verifier.mjs'

const AUDIENCE = 'https://verifier.example'
const NONCE = 'n-0S6_WzA2Mj'
const usage = `present.mjs --credential FILE|- --issuer-url URL --holder-jwk PRIVATE-JSON|@FILE
  [--disclose CLAIM]      the one claim to show (path with dots; default: the first that can be withheld)`
const options = {
  credential: { type: 'string' },
  'issuer-url': { type: 'string' },
  'holder-jwk': { type: 'string' },
  disclose: { type: 'string' },
}

await run({ usage, options, required: ['credential', 'issuer-url', 'holder-jwk'] }, async (args) => {
  const credential = await readArgument(args.credential)
  const privateJwk = await readJsonArgument('holder-jwk', args['holder-jwk'])
  const verifier = sdJwtVcVerifier(await jwtVcIssuerKeys(args['issuer-url']))

  const presentable = await verifier.presentableKeys(credential)
  const claim = args.disclose ?? presentable[0]
  if (!presentable.includes(claim)) {
    throw new Refused(`'${claim}' cannot be withheld or shown; these can: ${presentable.join(', ')}`)
  }
  const presentation = await present(credential, claim, privateJwk)
  const claims = await verify(verifier, presentation)
  await checkOnlyShown(verifier, presentation, claim, presentable)
  const cheats = await tryCheats(verifier, { credential, presentation, claim, privateJwk })
  return { disclosed: claim, withheld: withheldBy(claim, presentable), claims, cheats, presentation }
})

function present(credential, claim, privateJwk, binding = {}) {
  const alg = algorithmOf(privateJwk)
  const wallet = new SDJwtVcInstance({
    hasher,
    hashAlg: 'sha-256',
    kbSigner: (data) => createSignature(alg, privateJwk, data),
    kbSignAlg: alg,
  })
  const payload = { iat: Math.floor(Date.now() / 1000), aud: AUDIENCE, nonce: NONCE, ...binding }
  return wallet.present(credential, frameOf(claim), { kb: { payload } })
}

/** `address.street` becomes `{address: {street: true}}`; the library adds the parents' disclosures. */
function frameOf(claim) {
  return claim.split('.').reduceRight((inner, name) => ({ [name]: inner }), true)
}

async function verify(verifier, presentation) {
  const { payload, kb } = await verifier.verify(presentation, { keyBindingNonce: NONCE })
  // The library compares the nonce, the hash and the signature, but not the audience.
  if (kb.payload.aud !== AUDIENCE) throw new Error(`the audience is '${kb.payload.aud}'`)
  checkStructure(presentation)
  return payload
}

async function checkOnlyShown(verifier, presentation, claim, presentable) {
  const shown = await verifier.presentableKeys(presentation)
  const leaked = shown.filter((key) => withheldBy(claim, presentable).includes(key))
  if (leaked.length > 0) throw new Refused(`withheld, but shown: ${leaked.join(', ')}`)
  if (!shown.includes(claim)) throw new Refused(`'${claim}' should be shown, but is not`)
}

/** All but the claim and the objects that it lies in. */
function withheldBy(claim, presentable) {
  return presentable.filter((key) => key !== claim && !claim.startsWith(`${key}.`))
}

/** Each cheat must be refused, for the reason given here, or the verdict above is worth nothing. */
async function tryCheats(verifier, { credential, presentation, claim, privateJwk }) {
  const forge = (key, binding) => present(credential, claim, key, binding)
  const cheats = [
    ['signed by another key', await forge(otherKeyLike(privateJwk)), /Invalid JWT Signature/],
    ['altered key binding', withAlteredBinding(presentation), /Invalid JWT Signature/],
    ['replayed with an old nonce', await forge(privateJwk, { nonce: 'old' }), /Invalid Nonce/],
    ['made for another verifier', await forge(privateJwk, { aud: 'https://other.example' }), /audience/],
    ['without key binding', join({ ...split(presentation), keyBinding: '' }), /Key Binding JWT not exist/],
    ['more shown than the holder signed', withMore(credential, presentation), /Invalid sd_hash/],
  ]
  const outcomes = {}
  // `withMore` has nothing to add where the credential has a single disclosure.
  for (const [name, forged, reason] of cheats.filter(([, forged]) => forged !== undefined)) {
    outcomes[name] = await refusalOf(verifier, forged)
    if (!reason.test(outcomes[name])) {
      throw new Refused(`cheat '${name}' should have been refused, but: ${outcomes[name]}`)
    }
  }
  return outcomes
}

function otherKeyLike({ kty }) {
  const { privateKey } =
    kty === 'EC' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
  return privateKey.export({ format: 'jwk' })
}

async function refusalOf(verifier, forged) {
  try {
    await verify(verifier, forged)
    return 'accepted'
  } catch (error) {
    return error.message
  }
}

function withMore(credential, presentation) {
  const shown = split(presentation)
  const more = split(credential).disclosures.find((item) => !shown.disclosures.includes(item))
  return more && join({ ...shown, disclosures: [...shown.disclosures, more] })
}

function withAlteredBinding(presentation) {
  const shown = split(presentation)
  const [header, payload, signature] = shown.keyBinding.split('.')
  const altered = { ...decodeJson(payload, 'the key binding'), extra: true }
  const encoded = Buffer.from(JSON.stringify(altered)).toString('base64url')
  return join({ ...shown, keyBinding: [header, encoded, signature].join('.') })
}
