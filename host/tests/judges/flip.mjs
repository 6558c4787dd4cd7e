// Flips one bit of one byte of an SD-JWT, so that it still parses: only cryptography can notice.
import { Refused, readArgument, run, usageError } from './lib/cli.mjs'
import { join, split } from './lib/sd-jwt.mjs'

const PARTS = ['payload', 'signature', 'disclosure']
/** Claims that a verifier compares before or beside the signature: left alone, so as not to help it. */
const COMPARED = ['iss', 'vct', 'iat', 'nbf', 'exp', 'cnf', '_sd_alg']
const UTF8 = new TextDecoder('utf-8', { fatal: true })
const usage = `flip.mjs --credential FILE|- --part ${PARTS.join('|')}
  [--index N]             which disclosure (default 0)`
const options = {
  credential: { type: 'string' },
  part: { type: 'string' },
  index: { type: 'string', default: '0' },
}

await run({ usage, options, required: ['credential', 'part'] }, async ({ credential, part, index }) => {
  if (!PARTS.includes(part)) throw usageError(`--part must be one of ${PARTS.join(', ')}`)
  const pieces = split(await readArgument(credential))
  const [list, position] = {
    payload: [pieces.parts, 1],
    signature: [pieces.parts, 2],
    disclosure: [pieces.disclosures, Number(index)],
  }[part]
  if (list[position] === undefined) throw new Refused(`there is no ${part} ${index}`)
  const before = Buffer.from(list[position], 'base64url')
  const offset = { payload: payloadOffset, signature: middle, disclosure: disclosureOffset }[part](before)
  if (offset === undefined) throw new Refused(`no byte of the ${part} can be flipped so that it still parses`)
  list[position] = flipped(before, offset).toString('base64url')
  return { credential: join(pieces), part, offset }
})

function payloadOffset(bytes) {
  const original = parse(bytes)
  const unnoticed = (candidate) =>
    COMPARED.every((name) => JSON.stringify(candidate[name]) === JSON.stringify(original[name]))
  return offsets(bytes).find((offset) => {
    const candidate = parse(flipped(bytes, offset))
    return candidate !== undefined && unnoticed(candidate)
  })
}

/** From the end: the value, and where that is not possible the name, then the salt. */
function disclosureOffset(bytes) {
  const length = parse(bytes)?.length
  return offsets(bytes)
    .reverse()
    .find((offset) => parse(flipped(bytes, offset))?.length === length)
}

function middle(bytes) {
  return bytes.length >> 1
}

function offsets(bytes) {
  return Array.from({ length: bytes.length }, (_, offset) => offset)
}

function flipped(bytes, offset) {
  const copy = Buffer.from(bytes)
  copy[offset] ^= 1
  return copy
}

function parse(bytes) {
  try {
    return JSON.parse(UTF8.decode(bytes))
  } catch {
    return undefined
  }
}
