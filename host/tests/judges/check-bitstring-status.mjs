// Judges a JSON-LD credential and its status, by Digital Bazaar's libraries: the credential's proof, the proof
// of each status list that it names, and the value of its entry there. The same lists as `vc+jwt` (jose), in
// the StatusList2021 spelling and as a Token Status List must say the same.
import { Refused, readArgument, run } from './lib/cli.mjs'
import { checkStatus } from '@digitalbazaar/vc-bitstring-status-list'
import { dataIntegrityVerifier, readContexts } from './lib/data-integrity.mjs'
import { didWebOf } from './lib/did.mjs'
import { publishedJwks } from './lib/issuer.mjs'
import * as lists from './lib/status-lists.mjs'

const usage = `check-bitstring-status.mjs --credential FILE|- --issuer-url URL
  [--context URL=FILE]...   a context beside those of the npm packages
  [--host URL]              fetch the lists from this host of the issuer
  [--tamper]                turn the entry over in each form of each list: none may verify`
const options = {
  credential: { type: 'string' },
  'issuer-url': { type: 'string' },
  context: { type: 'string', multiple: true, default: [] },
  host: { type: 'string' },
  tamper: { type: 'boolean', default: false },
}

await run({ usage, options, required: ['credential', 'issuer-url'] }, async (args) => {
  const credential = JSON.parse(await readArgument(args.credential))
  const judges = {
    credential,
    own: await readContexts(args.context),
    fetchList: lists.listFetcher(args.host),
    issuer: didWebOf(args['issuer-url']),
    jwks: (await publishedJwks(args['issuer-url'])).jwks,
  }
  try {
    const statuses = await byDigitalBazaar(judges)
    await inOtherForms(judges, statuses)
    const token = await asTokenList(judges, statuses)
    const tampered = args.tamper ? await tamper(judges, statuses) : undefined
    const shown = statuses.map(({ list, entry, value }) => ({ purpose: entry.statusPurpose, value, list: list.id }))
    return { verified: true, statuses: shown, index: Number(statuses[0].entry.statusListIndex), token, tampered }
  } catch (error) {
    throw new Refused(`the status is refused: ${error.message}`, { verified: false })
  }
})

/** The verdict on the credential, its entries and their lists. */
async function byDigitalBazaar(judges) {
  const fetched = new Map()
  const { verify } = verifierOf(judges, async (url) => {
    fetched.set(url, JSON.parse(await judges.fetchList(url, 'vc')))
    return fetched.get(url)
  })
  const { statusResult } = await verify(judges.credential, checkStatus)
  return Promise.all(
    statusResult.results.map(async ({ credentialStatus: entry, status: value }) => {
      const list = fetched.get(entry.statusListCredential)
      lists.checkEntry(entry, list)
      // Also refuses a list that is too short to hide anybody.
      if ((await lists.valueInList(list, entry.statusListIndex)) !== value) throw new Error('the library contradicts itself')
      return { entry, list, value }
    }),
  )
}

async function inOtherForms(judges, statuses) {
  for (const { entry, list, value } of statuses) {
    const jwt = await judges.fetchList(list.id, 'vc+jwt')
    const inside = await lists.verifyVcJwt(jwt, judges)
    lists.checkEntry(entry, inside)
    agrees(list.id, 'vc+jwt', await lists.valueInList(inside, entry.statusListIndex), value)
    const { suite, documentLoader } = verifierOf(judges, async (url) => JSON.parse(await judges.fetchList(url, 'vc')))
    const older = await lists.valueInStatusList2021({ entry, issuer: judges.issuer, suite, documentLoader })
    agrees(list.id, 'StatusList2021', older, value)
  }
}

/** Revoked wins over suspended, as one number cannot say both. */
async function asTokenList(judges, statuses) {
  const { uri, index } = primaryOf(statuses)
  const read = await lists.valueInTokenList(await judges.fetchList(uri, 'statuslist+jwt'), { uri, index, ...judges })
  const isSet = (purpose) => statuses.some(({ entry, value }) => entry.statusPurpose === purpose && value)
  agrees(uri, 'statuslist+jwt', read.value, isSet('revocation') ? 1 : isSet('suspension') ? 2 : 0)
  return read.value
}

/** How many forgeries were tried. */
async function tamper(judges, statuses) {
  let tried = 0
  for (const { entry, list } of statuses) {
    const index = Number(entry.statusListIndex)
    const forged = await lists.forgedList(list, index)
    const { suite, documentLoader } = verifierOf(judges, () => forged)
    const credential = { ...judges.credential, credentialStatus: entry }
    await lists.mustRefuse('a forged list', /Invalid signature/, () =>
      lists.judgeBitstring(credential, { suite, documentLoader }),
    )
    const jwt = await lists.forgedJwt(await judges.fetchList(list.id, 'vc+jwt'), index)
    await lists.mustRefuse('a forged vc+jwt', /signature/, () => lists.verifyVcJwt(jwt, judges))
    const url = `${list.id}?${lists.STATUS_LIST_2021}`
    const older = JSON.parse(await judges.fetchList(url, 'vc'))
    const { encodedList } = forged.credentialSubject
    older.credentialSubject.encodedList = encodedList.slice(1)
    const forging = verifierOf(judges, () => older)
    await lists.mustRefuse('a forged StatusList2021', /Invalid signature/, () =>
      lists.valueInStatusList2021({ entry, issuer: judges.issuer, ...forging }),
    )
    tried += 3
  }
  const { uri, index } = primaryOf(statuses)
  const jwt = await lists.forgedJwt(await judges.fetchList(uri, 'statuslist+jwt'), index)
  await lists.mustRefuse('a forged Token Status List', /signature/, () =>
    lists.valueInTokenList(jwt, { uri, index, ...judges }),
  )
  return tried + 1
}

function verifierOf({ own }, load) {
  const isList = (url) => /^https?:.*\/credentials\/status-list\//.test(url)
  return dataIntegrityVerifier({ own, loadList: async (url) => (isList(url) ? load(url) : undefined) })
}

/** The Token Status List is at the first purpose's URL. */
function primaryOf(statuses) {
  const [{ entry, list }] = statuses
  return { uri: list.id, index: Number(entry.statusListIndex) }
}

function agrees(url, form, value, expected) {
  if (value !== expected) throw new Error(`${url} as ${form} says ${value}, and as application/vc ${expected}`)
}
