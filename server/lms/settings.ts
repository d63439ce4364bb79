import type * as z from 'zod'
import { baseUrl, duration, httpUrl, name, onOff, rate, secretText, text, type Rate } from '../setting-formats.ts'

/** The LMS that is taken over, followed and kept in step (adoption.md). */
export interface LmsConfig {
  /** Of its MySQL or MariaDB. */
  readonly databaseUrl?: string | undefined
  /** Where its REST API is, without a slash at the end. */
  readonly url?: string | undefined
  readonly apiKey?: string | undefined
  /** Who writes there, beside the key. */
  readonly worker?: LmsWorker | undefined
  readonly follow: boolean
  readonly mirror: boolean
  readonly forward: boolean
  readonly mirrorRate: Rate
  readonly timeoutMs: number
}

export interface LmsWorker {
  readonly username: string
  /** Where its tokens come from, with the client's id and secret: `https://id:secret@host/oauth2/access_token`. */
  readonly tokenUrl?: string | undefined
  readonly jwt?: string | undefined
}

const mysqlUrl = text(
  (value) => ['mysql:', 'mariadb:'].includes(URL.parse(value)?.protocol ?? ''),
  'must be a URL such as mysql://user:password@host:3306/edxapp',
)

/** The settings of adoption.md §1 and §3 to §5. */
export const lmsSettings = {
  LMS_DATABASE_URL: mysqlUrl.optional(),
  LMS_URL: baseUrl.optional(),
  LMS_API_KEY: secretText.optional(),
  LMS_WORKER_USERNAME: name.optional(),
  LMS_WORKER_TOKEN_URL: httpUrl.optional(),
  LMS_WORKER_JWT: secretText.optional(),
  LMS_FOLLOW: onOff.default(false),
  LMS_MIRROR: onOff.default(false),
  LMS_FORWARD: onOff.default(false),
  LMS_MIRROR_RATE: rate.default({ requests: 10, seconds: 1 }),
  LMS_TIMEOUT: duration(100, 600_000).default(30_000),
}

type Read = z.output<z.ZodObject<typeof lmsSettings>>

/** What the settings come to. */
export function lmsConfig(read: Read): LmsConfig {
  const { LMS_WORKER_USERNAME: username, LMS_WORKER_TOKEN_URL: tokenUrl, LMS_WORKER_JWT: jwt } = read
  return {
    databaseUrl: read.LMS_DATABASE_URL,
    url: read.LMS_URL,
    apiKey: read.LMS_API_KEY,
    worker: username === undefined ? undefined : { username, tokenUrl, jwt },
    follow: read.LMS_FOLLOW,
    mirror: read.LMS_MIRROR,
    forward: read.LMS_FORWARD,
    mirrorRate: read.LMS_MIRROR_RATE,
    timeoutMs: read.LMS_TIMEOUT,
  }
}

/** Tells of settings that lack what they need, before they are read. */
export function lmsContradictions(env: Readonly<Record<string, string | undefined>>): string[] {
  const problems: string[] = []
  const needs = (key: string, ...others: string[]) => {
    for (const other of others) if (env[other] === undefined) problems.push(`${other} is required with ${key}=on`)
  }
  if (env['LMS_FOLLOW'] === 'on') needs('LMS_FOLLOW', 'LMS_DATABASE_URL')
  for (const key of ['LMS_MIRROR', 'LMS_FORWARD']) if (env[key] === 'on') needs(key, 'LMS_URL', 'LMS_API_KEY')
  const worker = ['LMS_WORKER_TOKEN_URL', 'LMS_WORKER_JWT'].filter((key) => env[key] !== undefined)
  if (worker.length === 2)
    problems.push('LMS_WORKER_TOKEN_URL has no meaning beside LMS_WORKER_JWT: set one of the two')
  if (worker.length > 0 !== (env['LMS_WORKER_USERNAME'] !== undefined)) {
    problems.push('LMS_WORKER_USERNAME goes with LMS_WORKER_TOKEN_URL or LMS_WORKER_JWT')
  }
  return problems
}
