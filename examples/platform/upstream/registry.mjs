// The training registry: a REST API with a bearer token, whose lists come in pages.
import { isAuthorized, serve } from './http.mjs'

const PAGE = 2
const PEOPLE = {
  1001: {
    name: 'Asha Devi',
    courses: [
      { code: 'SOIL-1', title: 'Soil and water', passed: '2021-05-14' },
      { code: 'SEED-2', title: 'Seed production', passed: '2022-02-03' },
      { code: 'PEST-1', title: 'Integrated pest management', passed: '2022-11-21' },
      { code: 'COOP-1', title: 'Running a cooperative', passed: '2023-08-09' },
      { code: 'ORG-3', title: 'Organic certification', passed: '2025-01-30' },
    ],
  },
  1002: { name: 'Ravi Kumar', courses: [{ code: 'SOIL-1', title: 'Soil and water', passed: '2020-10-01' }] },
}

export function startRegistry({ port, token }) {
  return serve(port, ({ method, url, headers }) => {
    if (!isAuthorized(headers, token)) return { status: 401, body: { error: 'who are you?' } }
    const [, id] = /^\/v1\/people\/([^/]+)\/courses$/.exec(url.pathname) ?? []
    const person = id === undefined ? undefined : PEOPLE[decodeURIComponent(id)]
    if (method !== 'GET' || person === undefined) return { status: 404, body: { error: 'nobody by this id' } }
    return { body: page(url, person) }
  })
}

function page(url, { name, courses }) {
  const number = Number(url.searchParams.get('page') ?? '1')
  const end = number * PAGE
  const next = end < courses.length ? `${url.pathname}?page=${number + 1}` : null
  return { name, courses: courses.slice(end - PAGE, end), next }
}
