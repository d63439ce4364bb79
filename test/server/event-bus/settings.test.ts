import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig, type Environment } from '../../../server/config.ts'
import { checkEventBus } from '../../../server/event-bus/start.ts'
import { builtInExtensions } from '../../../server/extensions.ts'

const URL_SETTING = 'EVENT_BUS_REDIS_URL'
const CREATED = 'org.openedx.learning.course.enrollment.created.v1'

test('without an address there is no event bus, whatever else is set', () => {
  expect(readConfig({ EVENT_BUS_TOPIC_PREFIX: 'dev', EVENT_BUS_FROM: 'beginning' }).eventBus).toBeUndefined()
})

test('the defaults', () => {
  expect(readConfig({ [URL_SETTING]: 'redis://redis.example.org' }).eventBus).toEqual({
    redis: { host: 'redis.example.org', port: 6379, database: 0, isEncrypted: false },
    streamMaxLen: 10_000,
    topics: {},
    from: 'now',
  })
})

describe('the address', () => {
  test.each([
    ['redis://:hush@127.0.0.1:6380/3', { host: '127.0.0.1', port: 6380, password: 'hush', database: 3 }],
    ['rediss://me:h%40sh@[::1]/', { host: '::1', port: 6379, username: 'me', password: 'h@sh', isEncrypted: true }],
    ['redis://redis', { host: 'redis', port: 6379 }],
  ])('%s', (url, address) => {
    expect(readConfig({ [URL_SETTING]: url }).eventBus?.redis).toMatchObject(address)
  })

  test.each([
    'http://hush@redis',
    'redis:///0',
    'redis://redis/one',
    'redis://redis?hush=1',
    'redis://:h%zzush@redis',
    'hush',
    'redis://redis/123456',
  ])('%s is refused in words that do not repeat it', (url) => {
    expect(problemsOf({ [URL_SETTING]: url })).toEqual([
      `${URL_SETTING} must be a URL such as redis://user:password@host:6379/0, or rediss://… for TLS`,
    ])
  })
})

describe('topics', () => {
  test('are lists by event type, and may be none', () => {
    const topics = { [CREATED]: ['a', 'b.c:d-e'], 'org.openedx.learning.course.enrollment.changed.v1': [] }
    const config = readConfig({ [URL_SETTING]: 'redis://redis', EVENT_BUS_TOPICS: JSON.stringify(topics) })
    expect(config.eventBus?.topics).toEqual(topics)
    expect(() => checkEventBus(config, builtInExtensions)).not.toThrow()
  })

  test.each(['{', '[]', '"a"', `{"${CREATED}":"a"}`, `{"${CREATED}":["a","a"]}`, `{"${CREATED}":["a b"]}`])(
    '%s is refused',
    (topics) => {
      expect(problemsOf({ EVENT_BUS_TOPICS: topics })).toEqual([
        expect.stringMatching(/^EVENT_BUS_TOPICS must be JSON of event types and lists of different topics/),
      ])
    },
  )

  test('of a type that this service neither sends nor takes in stop the start', () => {
    const topics = JSON.stringify({ 'org.openedx.learning.course.enrolment.created.v1': ['a'] })
    const config = readConfig({ [URL_SETTING]: 'redis://redis', EVENT_BUS_TOPICS: topics })
    expect(() => checkEventBus(config, builtInExtensions)).toThrow(/enrolment\.created\.v1', which is no event type/)
  })
})

test('all problems are told at once', () => {
  const wrong = {
    [URL_SETTING]: 'x',
    EVENT_BUS_TOPIC_PREFIX: 'a b',
    EVENT_BUS_STREAM_MAX_LEN: '0',
    EVENT_BUS_TOPICS: 'x',
    EVENT_BUS_FROM: 'yesterday',
  }
  expect(problemsOf(wrong).map((problem) => problem.split(' ')[0])).toEqual(Object.keys(wrong))
})

function problemsOf(env: Environment): readonly string[] {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
