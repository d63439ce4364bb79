import { format } from 'node:util'
import type { FastifyServerOptions } from 'fastify'
import type { Config } from './config.ts'

/** What the log may be written to: `process.stdout`, or a test's collector. */
export interface LogOutput {
  readonly isTTY?: boolean | undefined
  write(text: string): unknown
}

/** JSON lines, or on a person's terminal one readable line a record; the values of secrets never show in either. */
export function loggerOptions(level: Config['logLevel'], output: LogOutput): FastifyServerOptions['logger'] {
  const stream = { write: (line: string) => void output.write(output.isTTY ? readable(line) : line) }
  return {
    level,
    stream,
    serializers: { err: (error: unknown) => errorFields(error) },
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
  }
}

const SECRETS = ['authorization', 'cookie', 'set-cookie', 'x-edx-api-key', 'x-csrftoken']
const PLACES = ['', 'headers', 'req.headers', 'request.headers', 'res.headers', 'err.headers']
const SECRET_PATHS = PLACES.flatMap((place) => SECRETS.map((secret) => `${place}["${secret}"]`))

interface ErrorFields extends Record<string, unknown> {
  type: string
  message: string
  stack: string
}

/** What an error says about itself, and not all that hangs on it: a lost connection carries the whole client. */
function errorFields(error: unknown, depth = 5): ErrorFields {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error), stack: '' }
  const { name: type, message, stack = '', cause } = error
  const code = 'code' in error ? { code: error.code } : {}
  const inner = cause === undefined || depth === 0 ? {} : { cause: errorFields(cause, depth - 1) }
  return { type, message, ...code, stack, ...inner }
}

const LEVELS = new Map([
  [10, 'TRACE'],
  [20, 'DEBUG'],
  [30, 'INFO'],
  [40, '\u001B[33mWARN\u001B[0m'],
  [50, '\u001B[31mERROR\u001B[0m'],
  [60, '\u001B[31mFATAL\u001B[0m'],
])

function readable(line: string): string {
  const { level, time, msg, err, pid: _pid, hostname: _host, reqId: _request, ...fields } = JSON.parse(line)
  const at = new Date(time).toTimeString().slice(0, 8)
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${format('%j', value)}`)
  const head = [at, LEVELS.get(level) ?? level, msg, ...rest].join(' ')
  return err === undefined ? `${head}\n` : `${head}\n${err.stack || err.message}\n`
}
