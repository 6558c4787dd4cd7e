// A small HTTP server for JSON: each handler gets the request and answers `{status, headers, body}`.
import { timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'

const HOST = '127.0.0.1'

/** Serves `handle({method, url, headers, body})`; answers the base URL. */
export function serve(port, handle) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, `http://${HOST}`)
    let answer
    try {
      const body = await buffer(request)
      answer = await handle({ method: request.method, url, headers: request.headers, body })
    } catch (error) {
      console.error(error)
      answer = { status: 500, body: { error: error.message } }
    }
    const { status = 200, headers = {}, body } = answer
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body === undefined ? undefined : JSON.stringify(body))
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(port), HOST, () => resolve(`http://${HOST}:${server.address().port}`))
  })
}

export function isAuthorized(headers, token) {
  return isSame(headers.authorization ?? '', `Bearer ${token}`)
}

/** Whether two texts are equal, without telling by the time it takes where they differ. */
export function isSame(left, right) {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}
