// Judges an SD-JWT VC and its status: @sd-jwt/sd-jwt-vc verifies the credential, fetches the Token Status List
// and reads it by @sd-jwt/jwt-status-list; jose verifies the list once more, with the published JWK Set.
import './lib/webcrypto.mjs'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import { Refused, readArgument, run } from './lib/cli.mjs'
import { jwtVcIssuerKeys, publishedJwks } from './lib/issuer.mjs'
import * as lists from './lib/status-lists.mjs'
import { verifierConfig } from './lib/verifier.mjs'

const usage = `check-token-status.mjs --credential FILE|- --issuer-url URL
  [--host URL]              fetch the list from this host of the issuer
  [--tamper]                turn the entry over in the list: that may not verify`
const options = {
  credential: { type: 'string' },
  'issuer-url': { type: 'string' },
  host: { type: 'string' },
  tamper: { type: 'boolean', default: false },
}

await run({ usage, options, required: ['credential', 'issuer-url'] }, async (args) => {
  const credential = await readArgument(args.credential)
  const fetchList = lists.listFetcher(args.host)
  const keys = await jwtVcIssuerKeys(args['issuer-url'])
  try {
    const { status, payload } = await bySdJwtVc({ credential, keys, fetch: (uri) => fetchList(uri, 'statuslist+jwt') })
    const { uri, idx: index } = payload.status.status_list
    const { jwks } = await publishedJwks(args['issuer-url'])
    const jwt = await fetchList(uri, 'statuslist+jwt')
    const { value, bits } = await lists.valueInTokenList(jwt, { uri, index, jwks })
    if (value !== status) throw new Error(`the list says ${value} now, and said ${status} before`)
    const tampered = args.tamper ? await tamper({ credential, keys, jwt, uri, index, jwks }) : undefined
    return { verified: true, status, index, uri, bits, tampered }
  } catch (error) {
    throw new Refused(`the status is refused: ${error.message}`, { verified: false })
  }
})

async function bySdJwtVc({ credential, keys, fetch }) {
  let status
  const verifier = new SDJwtVcInstance({
    ...verifierConfig(keys),
    statusListFetcher: fetch,
    // The library's own validator throws where the status is not 0; which one it is is the test's to judge.
    statusValidator: async (value) => {
      status = value
    },
  })
  const { payload } = await verifier.verify(credential)
  if (status === undefined) throw new Error("the credential has no 'status.status_list'")
  if (!Number.isInteger(payload.status.status_list.idx)) throw new Error("'status.status_list.idx' is not an integer")
  return { status, payload }
}

async function tamper({ credential, keys, jwt, uri, index, jwks }) {
  const forged = await lists.forgedJwt(jwt, index)
  await lists.mustRefuse('a forged list', /signature/i, () => lists.valueInTokenList(forged, { uri, index, jwks }))
  await lists.mustRefuse('a forged list', /Status List JWT verification failed/, () =>
    bySdJwtVc({ credential, keys, fetch: async () => forged }),
  )
  return 2
}
