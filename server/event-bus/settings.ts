import * as z from 'zod'
import { wholeNumber } from '../setting-formats.ts'

/** Where the event bus is, and what goes where; absent: there is none. */
export interface EventBusConfig {
  readonly redis: RedisAddress
  /** Stands before the names of topics, joined by `-`; absent: nothing does. */
  readonly topicPrefix?: string | undefined
  /** So many entries a stream keeps, about. */
  readonly streamMaxLen: number
  /** The topics of event types that do not go where they go by themselves. */
  readonly topics: Readonly<Record<string, readonly string[]>>
  /** Where the very first start begins. */
  readonly from: 'now' | 'beginning'
}

export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly database: number
  readonly isEncrypted: boolean
}

/** `redis://user:password@host:6379/0`, or `rediss://…` for TLS. The message never repeats the value, which holds a password. */
const redisUrl = z.string().transform((value, context): RedisAddress => {
  const address = addressOf(value)
  if (address !== null) return address
  context.addIssue('must be a URL such as redis://user:password@host:6379/0, or rediss://… for TLS')
  return z.NEVER
})

/** Of topics and what stands before them. */
const NAME = /^[\w.:-]{1,200}$/

const topics = z.record(
  z.string().min(1),
  z.array(z.string().regex(NAME)).refine((list) => new Set(list).size === list.length),
)

const EXAMPLE = `'{"org.openedx.learning.course.enrollment.created.v1": ["my-topic"]}'`

/** JSON: event types and the topics of each; an empty list: it is not sent. */
const topicsOfTypes = z.string().transform((value, context): EventBusConfig['topics'] => {
  const read = topics.safeParse(jsonOf(value))
  if (read.success) return read.data
  context.addIssue(`must be JSON of event types and lists of different topics, such as ${EXAMPLE}`)
  return z.NEVER
})

/** The settings of the event bus (events.md §4). */
export const eventBusSettings = {
  EVENT_BUS_REDIS_URL: redisUrl.optional(),
  EVENT_BUS_TOPIC_PREFIX: z.string().regex(NAME, { error: 'must be of letters, digits and . _ : -' }).optional(),
  EVENT_BUS_STREAM_MAX_LEN: wholeNumber(1, 100_000_000).default(10_000),
  EVENT_BUS_TOPICS: topicsOfTypes.default({}),
  EVENT_BUS_FROM: z.enum(['now', 'beginning'], { error: "must be 'now' or 'beginning'" }).default('now'),
}

type Read = z.output<z.ZodObject<typeof eventBusSettings>>

/** What the settings come to; undefined: there is no event bus. */
export function eventBusConfig(read: Read): EventBusConfig | undefined {
  if (read.EVENT_BUS_REDIS_URL === undefined) return undefined
  return {
    redis: read.EVENT_BUS_REDIS_URL,
    topicPrefix: read.EVENT_BUS_TOPIC_PREFIX,
    streamMaxLen: read.EVENT_BUS_STREAM_MAX_LEN,
    topics: read.EVENT_BUS_TOPICS,
    from: read.EVENT_BUS_FROM,
  }
}

const DEFAULT_PORT = 6379

function addressOf(text: string): RedisAddress | null {
  const url = URL.parse(text)
  const isEncrypted = url?.protocol === 'rediss:'
  if (url === null || !(isEncrypted || url.protocol === 'redis:') || url.hostname === '') return null
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1]
  if (database === undefined || url.search !== '' || url.hash !== '') return null
  const [username, password] = [decoded(url.username), decoded(url.password)]
  if (username === null || password === null) return null
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    username: username === '' ? undefined : username,
    password: password === '' ? undefined : password,
    database: Number(database),
    isEncrypted,
  }
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
