// Where audit events are sent: a receiver of Standard Webhooks, which believes nothing that is not signed.
import { createHmac } from 'node:crypto'
import { isSame, serve } from './http.mjs'

const TOLERANCE_SECONDS = 300

/** `GET /events` shows what came, and how many requests were refused. */
export function startWebhook({ port, key, onEvent }) {
  const events = new Map()
  let refused = 0
  return serve(port, ({ method, url, headers, body }) => {
    if (method === 'GET' && url.pathname === '/events') return { body: { events: [...events.values()], refused } }
    if (method !== 'POST' || url.pathname !== '/hooks/chancery') return { status: 404 }
    const reason = fault(headers, body, key)
    if (reason) {
      refused += 1
      return { status: 401, body: { error: reason } }
    }
    for (const event of JSON.parse(body).events) {
      // At least once: the same event may come again, and keeps its id.
      if (!events.has(event.id)) onEvent(event)
      events.set(event.id, event)
    }
    return { status: 204 }
  })
}

function fault(headers, body, key) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers
  if (!id || !timestamp || !signatures) return 'not a signed webhook'
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_SECONDS)) return 'too old, or too new'
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
  return signatures.split(' ').some((signature) => isSame(signature, `v1,${mac}`)) ? undefined : 'wrong signature'
}
