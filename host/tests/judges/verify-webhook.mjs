// Judges a webhook's message by the library of Standard Webhooks itself.
import { Webhook } from 'standardwebhooks'
import { Refused, readArgument, run } from './lib/cli.mjs'

const usage = `verify-webhook.mjs --message FILE|- --secret FILE
  --message   JSON: {headers: {…}, body: "…"}, as the message came
  --secret    a file with the secret (whsec_…)`
const options = { message: { type: 'string' }, secret: { type: 'string' } }

await run({ usage, options, required: ['message', 'secret'] }, async ({ message, secret }) => {
  const { headers, body } = JSON.parse(await readArgument(message))
  const webhook = new Webhook(await readArgument(secret))
  let event
  try {
    event = webhook.verify(body, headers)
  } catch (error) {
    throw new Refused(error.message)
  }
  // A changed byte must not pass: else nothing was judged.
  for (const bent of [{ headers, body: `${body} ` }, { headers: { ...headers, 'webhook-id': 'other' }, body }]) {
    if (passes(webhook, bent)) throw new Error('the library takes what was not signed')
  }
  return { event }
})

function passes(webhook, { headers, body }) {
  try {
    webhook.verify(body, headers)
    return true
  } catch {
    return false
  }
}
