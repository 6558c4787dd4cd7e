// Making and signing a credential without any server around it: `node parts.mjs SECONDS` prints one JSON document.
import { cpuUsage } from 'node:process'
import { credentialKey } from './crypto.mjs'
import { issueDataIntegrity, issueSdJwt } from './credentials.mjs'

const seconds = Number(process.argv[2] ?? 2)
const WARM_UP = 0.3
const person = {
  farmer_id: '1000001',
  given_name: 'Asha',
  family_name: 'Devi',
  birthdate: '1984-03-12',
  village: 'Rampur',
  state: 'Bihar',
  land_area_ha: '2.4',
  crops: 'rice;wheat;mustard',
  phone_number: '+91 98765 43210',
}

const holder = credentialKey.publicJwk
const results = {
  sd_jwt: await measure(() => issueSdJwt('https://issuer.example', person, holder)),
  data_integrity: await measure(() => issueDataIntegrity(person, holder)),
}
console.log(JSON.stringify(results))

async function measure(issueOne) {
  await repeat(issueOne, seconds * WARM_UP)
  const before = cpuUsage()
  const { times, elapsed } = await repeat(issueOne, seconds)
  const { user, system } = cpuUsage(before)
  times.sort((a, b) => a - b)
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))]
  return { done: times.length, seconds: elapsed, cpu_seconds: (user + system) / 1e6, p50_ms: at(0.5), p99_ms: at(0.99) }
}

async function repeat(issueOne, duration) {
  const times = []
  const start = performance.now()
  while (performance.now() - start < duration * 1000) {
    const from = performance.now()
    await issueOne()
    times.push(performance.now() - from)
  }
  return { times, elapsed: (performance.now() - start) / 1000 }
}
