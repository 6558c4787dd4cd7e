// The frame of every script here: one JSON document on stdout, one plain sentence on stderr when it
// fails, exit code 0 (passed), 1 (the judge refused) or 2 (called wrongly).
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'

/** A refusal by a judge. `details` become members of the JSON on stdout. */
export class Refused extends Error {
  constructor(message, details = {}) {
    super(message)
    this.details = details
  }
}

class UsageError extends Error {}

/** What a mistake in these scripts throws, as against what a judge or a server says. */
const BUGS = [TypeError, ReferenceError, RangeError, SyntaxError]

/**
 * Runs a script: `main` gets the parsed options and returns the members of the result.
 * `required` names the options that must be given.
 */
export async function run({ usage, options, required = [] }, main) {
  try {
    const result = await main(parse(options, required))
    print({ ok: true, ...result })
  } catch (error) {
    if (error instanceof UsageError) {
      print({ ok: false, error: error.message })
      process.stderr.write(`${error.message}\nusage: ${usage}\n`)
      process.exitCode = 2
    } else {
      print({ ok: false, error: error.message, ...error.details })
      const isBug = BUGS.some((kind) => error instanceof kind)
      process.stderr.write(`${isBug ? error.stack : error.message}\n`)
      process.exitCode = 1
    }
  }
}

/** The content of a file, or of stdin for `-`, without surrounding white space. */
export async function readArgument(path) {
  const content = path === '-' ? await text(process.stdin) : await readFile(path, 'utf8')
  return content.trim()
}

/** A JSON argument: the JSON itself, or `@path` of a file that holds it. */
export async function readJsonArgument(name, value) {
  const content = value.startsWith('@') ? await readFile(value.slice(1), 'utf8') : value
  try {
    return JSON.parse(content)
  } catch (error) {
    throw new UsageError(`--${name} is not JSON: ${error.message}`)
  }
}

export function usageError(message) {
  return new UsageError(message)
}

function parse(options, required) {
  let values
  try {
    values = parseArgs({ options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new UsageError(error.message)
  }
  const missing = required.filter((name) => values[name] === undefined)
  if (missing.length > 0) {
    throw new UsageError(`missing ${missing.map((name) => `--${name}`).join(', ')}`)
  }
  return values
}

function print(result) {
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
}
