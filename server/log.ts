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
  const stream = { write: (line: string) => void output.write(output.isTTY ? readable(line) : inert(line)) }
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

/**
 * What a terminal might take for an order, or what turns the order of letters around, beside the C0 controls, which JSON
 * escapes by itself: DEL, the C1 controls, ends of lines and directions of Unicode.
 */
const STEERING = /[\u007F-\u009F\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]/g

/** A line of JSON that says the same and steers no terminal on which somebody looks at it. */
function inert(line: string): string {
  return line.replaceAll(STEERING, escaped)
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
}

/** The same of a text, on one line. */
function plain(text: string): string {
  return text.replaceAll(C0, escaped).replaceAll(STEERING, escaped)
}

// oxlint-disable-next-line no-control-regex -- to take them out
const C0 = /[\u0000-\u001F]/g

function readable(line: string): string {
  const { level, time, msg, err, pid: _pid, hostname: _host, reqId: _request, ...fields } = JSON.parse(line)
  const at = new Date(time).toTimeString().slice(0, 8)
  const rest = Object.entries(fields).map(([name, value]) => `${plain(name)}=${inert(format('%j', value))}`)
  const head = [at, LEVELS.get(level) ?? level, plain(String(msg ?? '')), ...rest].join(' ')
  if (err === undefined) return `${head}\n`
  const stack = String(err.stack || err.message).split('\n')
  return `${head}\n${stack.map(plain).join('\n')}\n`
}
