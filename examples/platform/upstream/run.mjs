// The systems around the example: `node examples/platform/upstream/run.mjs`, in the directory of chancery.toml.
// Nothing is kept: when this ends, they are gone.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { startDatabase } from './database.mjs'
import { startIssuer } from './issuer.mjs'
import { startRegistry } from './registry.mjs'
import { startWebhook } from './webhook.mjs'

/** A real issuer publishes its context there, and whoever reads its credentials keeps a copy. */
const UNION_CONTEXT = 'https://union.example/contexts/union/v1'

const { values: options } = parseArgs({
  options: {
    site: { type: 'string', default: '.' },
    'registry-port': { type: 'string', default: '9001' },
    'issuer-port': { type: 'string', default: '9002' },
    'webhook-port': { type: 'string', default: '9003' },
  },
})

const site = (name) => path.join(options.site, name)
const secret = (name) => readFileSync(site(`secrets/${name}`), 'utf8').trimEnd()

const database = await startDatabase()
// What an operator gets from whoever runs the database.
writeFileSync(site('secrets/residents-url'), `${database.url}\n`, { mode: 0o600 })
console.log(`residents  PostgreSQL  ${database.url}`)

const registry = await startRegistry({ port: options['registry-port'], token: secret('registry-token') })
console.log(`registry   REST        ${registry}/v1/people/1001/courses`)

const issuer = await startIssuer({
  port: options['issuer-port'],
  token: secret('issuer-token'),
  contexts: [[UNION_CONTEXT, JSON.parse(readFileSync(site('config/contexts/union-v1.json'), 'utf8'))]],
})
console.log(`issuer     VC-API      ${issuer.url}  ${issuer.did}`)

const webhook = await startWebhook({
  port: options['webhook-port'],
  key: secret('webhook-key'),
  onEvent: ({ sequence, action, outcome, object }) =>
    console.log(`audit event ${sequence}: ${action} ${outcome} ${object}`),
})
console.log(`webhook    audit       ${webhook}/events`)
console.log('ready')

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await database.stop()
    process.exit()
  })
}
