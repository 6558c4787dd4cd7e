// The residents' database: a PostgreSQL server of its own in a temporary directory, with the data of people.sql.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

/** Where Debian and its relatives keep the programs of each version. */
const VERSIONS = '/usr/lib/postgresql'
/** The server runs until this script's standard input ends, however this process does. */
const SCRIPT = readFileSync(new URL('../../../host/crates/store/src/test_util/postgres.sh', import.meta.url), 'utf8')
const DATA = readFileSync(new URL('people.sql', import.meta.url))

/** Answers the URL for the one role that may read, and how to stop. */
export async function startDatabase() {
  const programs = findPrograms()
  const [command, ...rest] = [...unprivileged(), 'sh', '-c', SCRIPT, 'sh', programs]
  const script = spawn(command, rest, { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] })
  const stopped = once(script, 'exit')
  const started = once(createInterface(script.stdout), 'line')
  const [home] = await Promise.race([started, stopped.then(() => Promise.reject(new Error('PostgreSQL does not start')))])
  const psql = path.join(programs, 'psql')
  const administrator = ['-X', '-q', '-h', home, '-U', 'chancery', '-v', 'ON_ERROR_STOP=1']
  execFileSync(psql, [...administrator, '-d', 'postgres', '-c', 'create database residents'])
  execFileSync(psql, [...administrator, '-d', 'residents', '-f', '-'], { input: DATA })
  const stop = () => {
    script.stdin.end()
    return stopped
  }
  return { url: `postgres:///residents?host=${home}&user=district_office`, stop }
}

function findPrograms() {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...versions.map((version) => path.join(VERSIONS, version, 'bin')), ...process.env.PATH.split(':')]
  const found = folders.find((folder) => existsSync(path.join(folder, 'initdb')))
  if (!found) throw new Error(`PostgreSQL is neither in ${VERSIONS} nor in PATH: install the package postgresql`)
  return found
}

/** Database servers refuse to run as root. */
function unprivileged() {
  if (process.getuid() !== 0) return []
  const group = execFileSync('id', ['-g', 'postgres'], { encoding: 'utf8' }).trim()
  return ['setpriv', '--reuid', 'postgres', '--regid', group, '--clear-groups']
}
