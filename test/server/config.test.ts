import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig, readServerConfig, settingNames, type Environment } from '../../server/config.ts'

const DATABASE_URL = 'postgresql://user:hush@db.example.org:5432/enrollment'
const WITHOUT_DEFAULT = [
  'DATABASE_URL',
  'INTERNAL_SOCKET',
  'INTERNAL_TOKENS',
  'EDX_API_KEY',
  'JWT_SECRET',
  'JWT_JWKS_URL',
  'JWT_PUBLIC_KEYS',
  'WEAK_SECRETS',
  'JWT_ISSUER',
  'JWT_AUDIENCE',
  'CORS_ORIGINS',
  'GEOIP_DATABASE',
  'EMBARGO_BASE_URL',
  'WEBHOOK_SECRET_KEY',
  'EVENT_BUS_REDIS_URL',
  'EVENT_BUS_TOPIC_PREFIX',
  'LMS_DATABASE_URL',
  'LMS_URL',
  'LMS_API_KEY',
  'LMS_WORKER_USERNAME',
  'LMS_WORKER_TOKEN_URL',
  'LMS_WORKER_JWT',
]
const SECRETS = {
  INTERNAL_TOKENS: 'ops:0123456789abcdef',
  EDX_API_KEY: 'fedcba9876543210',
  JWT_SECRET: '0123456789abcdef',
}

test('an empty environment gives the documented defaults', () => {
  expect(readServerConfig({})).toEqual({
    databaseUrl: undefined,
    databasePoolSize: 10,
    limits: { statementTimeoutMs: 10_000, lockTimeoutMs: 5_000, requestDeadlineMs: 15_000, maxWaitingCalls: 5_000 },
    preparedStatements: 'auto',
    dataDir: '.data',
    publicAddress: { host: '127.0.0.1', port: 8000 },
    privateAddress: { host: '127.0.0.1', port: 8001 },
    givenSecrets: { internalTokens: undefined, edxApiKeys: undefined, jwt: {}, webhookKeys: undefined },
    jwtIssuer: undefined,
    jwtAudience: undefined,
    retirementServiceUsername: 'retirement_service_worker',
    rateLimits: {
      on: true,
      user: { requests: 40, seconds: 60 },
      staff: { requests: 120, seconds: 60 },
      enterprise: { requests: 60, seconds: 60 },
    },
    embargo: { on: false },
    trustedProxies: [],
    corsOrigins: [],
    policy: { defaultMode: 'audit', legacyKeysInvitationOnly: false },
    enterprise: { legacyCreatedFlag: false, supersede: true },
    webhooks: { allowedNetworks: [] },
    bulk: { retentionDays: 30 },
    eventBus: undefined,
    lms: { follow: false, mirror: false, forward: false, mirrorRate: { requests: 10, seconds: 1 }, timeoutMs: 30_000 },
    logLevel: 'info',
  })
})

test('every setting is read', () => {
  const config = readServerConfig({
    DATABASE_URL,
    DATABASE_POOL_SIZE: '25',
    DATABASE_STATEMENT_TIMEOUT: '2m',
    DATABASE_LOCK_TIMEOUT: '500ms',
    REQUEST_DEADLINE: '3s',
    MAX_WAITING_CALLS: '70',
    DATABASE_PREPARED_STATEMENTS: 'off',
    DATA_DIR: '/var/lib/enrollment',
    HOST: '0.0.0.0',
    PORT: '0',
    INTERNAL_SOCKET: '/run/enrollment.sock',
    INTERNAL_TOKENS: 'enterprise:s1, jobs:s:2',
    EDX_API_KEY: 'old, new',
    JWT_SECRET: 'j',
    JWT_JWKS_URL: 'https://keys.example.org/jwks/',
    JWT_PUBLIC_KEYS: 'keys.json',
    WEAK_SECRETS: 'allow',
    JWT_ISSUER: 'https://lms.example.org',
    JWT_AUDIENCE: 'enrollment',
    RETIREMENT_SERVICE_USERNAME: 'retire',
    RATE_LIMITS: 'on',
    RATE_LIMIT_USER: '5/s',
    RATE_LIMIT_STAFF: '9/hour',
    RATE_LIMIT_ENTERPRISE: '7/minute',
    EMBARGO: 'on',
    GEOIP_DATABASE: 'countries.mmdb',
    EMBARGO_BASE_URL: 'https://learning.example.org/',
    TRUST_PROXY: '10.0.0.0/8, ::1',
    CORS_ORIGINS: 'https://learning.example.org, http://localhost:1996',
    LEGACY_KEYS_INVITATION_ONLY: 'true',
    DEFAULT_MODE: 'honor',
    ENTERPRISE_LEGACY_CREATED_FLAG: 'true',
    ENTERPRISE_SUPERSEDE: 'off',
    WEBHOOK_SECRET_KEY: 'new, old',
    WEBHOOK_ALLOWED_NETWORKS: '10.0.0.0/8, ::1',
    BULK_RETENTION_DAYS: '90',
    EVENT_BUS_REDIS_URL: 'rediss://me:hush@redis.example.org:6380/2',
    EVENT_BUS_TOPIC_PREFIX: 'stage',
    EVENT_BUS_STREAM_MAX_LEN: '500',
    EVENT_BUS_TOPICS: '{"org.openedx.learning.course.enrollment.changed.v1":[]}',
    EVENT_BUS_FROM: 'beginning',
    LMS_DATABASE_URL: 'mysql://reader:hush@db.example.org/edxapp',
    LMS_URL: 'https://lms.example.org/',
    LMS_API_KEY: 'key',
    LMS_WORKER_USERNAME: 'worker',
    LMS_WORKER_TOKEN_URL: 'https://id:hush@lms.example.org/oauth2/access_token',
    LMS_FOLLOW: 'on',
    LMS_MIRROR: 'on',
    LMS_FORWARD: 'on',
    LMS_MIRROR_RATE: '3/s',
    LMS_TIMEOUT: '5s',
    LOG_LEVEL: 'debug',
  })
  expect(config).toEqual({
    databaseUrl: DATABASE_URL,
    databasePoolSize: 25,
    limits: { statementTimeoutMs: 120_000, lockTimeoutMs: 500, requestDeadlineMs: 3_000, maxWaitingCalls: 70 },
    preparedStatements: 'off',
    dataDir: '/var/lib/enrollment',
    publicAddress: { host: '0.0.0.0', port: 0 },
    privateAddress: { socketPath: '/run/enrollment.sock' },
    givenSecrets: {
      internalTokens: new Map([
        ['s1', 'enterprise'],
        ['s:2', 'jobs'],
      ]),
      edxApiKeys: ['old', 'new'],
      jwt: { secret: 'j', jwksUrl: 'https://keys.example.org/jwks/', publicKeysFile: 'keys.json' },
      webhookKeys: ['new', 'old'],
    },
    jwtIssuer: 'https://lms.example.org',
    jwtAudience: 'enrollment',
    retirementServiceUsername: 'retire',
    rateLimits: {
      on: true,
      user: { requests: 5, seconds: 1 },
      staff: { requests: 9, seconds: 3_600 },
      enterprise: { requests: 7, seconds: 60 },
    },
    embargo: { on: true, geoipDatabase: 'countries.mmdb', baseUrl: 'https://learning.example.org' },
    trustedProxies: ['10.0.0.0/8', '::1'],
    corsOrigins: ['https://learning.example.org', 'http://localhost:1996'],
    policy: { defaultMode: 'honor', legacyKeysInvitationOnly: true },
    enterprise: { legacyCreatedFlag: true, supersede: false },
    webhooks: { allowedNetworks: ['10.0.0.0/8', '::1'] },
    bulk: { retentionDays: 90 },
    eventBus: {
      redis: {
        host: 'redis.example.org',
        port: 6380,
        username: 'me',
        password: 'hush',
        database: 2,
        isEncrypted: true,
      },
      topicPrefix: 'stage',
      streamMaxLen: 500,
      topics: { 'org.openedx.learning.course.enrollment.changed.v1': [] },
      from: 'beginning',
    },
    lms: {
      databaseUrl: 'mysql://reader:hush@db.example.org/edxapp',
      url: 'https://lms.example.org',
      apiKey: 'key',
      worker: { username: 'worker', tokenUrl: 'https://id:hush@lms.example.org/oauth2/access_token' },
      follow: true,
      mirror: true,
      forward: true,
      mirrorRate: { requests: 3, seconds: 1 },
      timeoutMs: 5_000,
    },
    logLevel: 'debug',
  })
})

test('an empty value counts as unset', () => {
  const empty = Object.fromEntries(settingNames.map((name) => [name, '']))
  expect(readServerConfig(empty)).toEqual(readServerConfig({}))
})

test('switched off limits are not there', () => {
  expect(readConfig({ RATE_LIMITS: 'off' }).rateLimits).toMatchObject({
    on: false,
    user: { requests: 40, seconds: 60 },
  })
})

describe('a wrong value is refused by the name of its setting', () => {
  test.for<[string, string]>([
    ['DATABASE_URL', 'mysql://localhost/x'],
    ['DATABASE_URL', 'localhost:5432'],
    ['DATABASE_POOL_SIZE', '0'],
    ['DATABASE_POOL_SIZE', 'ten'],
    ['DATABASE_STATEMENT_TIMEOUT', '10'],
    ['DATABASE_STATEMENT_TIMEOUT', '10 s'],
    ['DATABASE_LOCK_TIMEOUT', '1.5s'],
    ['DATABASE_LOCK_TIMEOUT', '0s'],
    ['REQUEST_DEADLINE', '15h'],
    ['MAX_WAITING_CALLS', '0'],
    ['HOST', 'two words'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '1e3'],
    ['INTERNAL_PORT', 'x'],
    ['INTERNAL_SOCKET', `/tmp/${'x'.repeat(120)}`],
    ['INTERNAL_TOKENS', 'nameless'],
    ['INTERNAL_TOKENS', ':secret'],
    ['INTERNAL_TOKENS', 'name:'],
    ['INTERNAL_TOKENS', 'a:s1,'],
    ['INTERNAL_TOKENS', 'a:same,b:same'],
    ['EDX_API_KEY', 'a,,b'],
    ['JWT_SECRET', '  '],
    ['JWT_JWKS_URL', 'file:///keys'],
    ['WEAK_SECRETS', 'yes'],
    ['RATE_LIMITS', 'yes'],
    ['RATE_LIMIT_USER', '40'],
    ['RATE_LIMIT_USER', '0/minute'],
    ['RATE_LIMIT_STAFF', '5/fortnight'],
    ['EMBARGO', 'true'],
    ['EMBARGO_BASE_URL', 'learning.example.org'],
    ['TRUST_PROXY', 'true'],
    ['TRUST_PROXY', '1'],
    ['TRUST_PROXY', '10.0.0.0/33'],
    ['TRUST_PROXY', 'loopback'],
    ['CORS_ORIGINS', '*'],
    ['CORS_ORIGINS', 'https://example.org/'],
    ['LEGACY_KEYS_INVITATION_ONLY', 'on'],
    ['DEFAULT_MODE', ' audit'],
    ['ENTERPRISE_LEGACY_CREATED_FLAG', 'on'],
    ['LOG_LEVEL', 'loud'],
  ])('%s=%s', ([name, value]) => {
    const problems = problemsOf(() => readConfig({ [name]: value }))
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(new RegExp(`^${name} `))
  })
})

test('all problems are reported together, one line each', () => {
  const env = { PORT: 'x', EMBARGO: 'maybe', DATABASE_URL, INTERNAL_SOCKET: '/s', INTERNAL_PORT: '1' }
  const error = thrownBy(() => readServerConfig(env))
  expect(error.problems.map((problem) => problem.split(' ')[0])).toEqual([
    'PORT',
    'EMBARGO',
    'INTERNAL_PORT',
    'INTERNAL_TOKENS',
    'EDX_API_KEY',
    'JWT_SECRET,',
  ])
  for (const problem of error.problems) expect(error.message).toContain(`\n  ${problem}`)
})

test('no problem repeats a secret', () => {
  const env = { INTERNAL_TOKENS: 'a:hush,b:hush,hush', EDX_API_KEY: 'hush,', DATABASE_URL: 'mysql://u:hush@h/d' }
  expect(thrownBy(() => readConfig(env)).message).not.toContain('hush')
})

describe('contradictions', () => {
  test('a socket excludes host and port of the private listener', () => {
    const env = { INTERNAL_SOCKET: '/s', INTERNAL_HOST: '127.0.0.1', INTERNAL_PORT: '9' }
    expect(problemsOf(() => readConfig(env))).toHaveLength(2)
  })

  test('both listeners cannot share a port, unless each takes a free one', () => {
    expect(problemsOf(() => readConfig({ PORT: '8001' }))).toEqual([expect.stringMatching(/^INTERNAL_PORT /)])
    expect(readConfig({ PORT: '0', INTERNAL_PORT: '0' }).publicAddress.port).toBe(0)
  })

  test('an embargo beside a DATABASE_URL needs a file of countries', () => {
    const env = { DATABASE_URL, EMBARGO: 'on' }
    expect(problemsOf(() => readConfig(env))).toEqual([expect.stringMatching(/^GEOIP_DATABASE /)])
    expect(readConfig({ ...env, GEOIP_DATABASE: 'x.mmdb' }).embargo.geoipDatabase).toBe('x.mmdb')
    expect(readConfig({ EMBARGO: 'on' }).embargo.on).toBe(true)
  })
})

describe('secrets beside a DATABASE_URL', () => {
  test.for<[string, Environment]>([
    ['INTERNAL_TOKENS', { ...SECRETS, INTERNAL_TOKENS: '' }],
    ['EDX_API_KEY', { ...SECRETS, EDX_API_KEY: '' }],
    ['JWT_SECRET', { ...SECRETS, JWT_SECRET: '' }],
  ])('a server does not start without %s', ([name, secrets]) => {
    const problems = problemsOf(() => readServerConfig({ DATABASE_URL, ...secrets }))
    expect(problems).toEqual([expect.stringContaining(name)])
  })

  test.for(['JWT_JWKS_URL', 'JWT_PUBLIC_KEYS'])('%s stands in for JWT_SECRET', (name) => {
    const env = { DATABASE_URL, ...SECRETS, JWT_SECRET: '', [name]: 'https://keys.example.org' }
    expect(readServerConfig(env).givenSecrets.jwt.secret).toBeUndefined()
  })

  test.for<[string, Environment]>([
    ['INTERNAL_TOKENS', { INTERNAL_TOKENS: 'jobs:0123456789abcdef,ops:0123456789abcde' }],
    ['EDX_API_KEY', { EDX_API_KEY: '0123456789abcdef,hush' }],
    ['JWT_SECRET', { JWT_SECRET: 'a' }],
  ])('a server does not start with one of fewer than 16 characters: %s', ([name, weak]) => {
    const problems = problemsOf(() => readServerConfig({ DATABASE_URL, ...SECRETS, ...weak }))
    expect(problems).toEqual([expect.stringMatching(`^${name} has a secret of fewer than 16 characters: `)])
    expect(problems.join()).not.toMatch(/hush|0123/)
    const allowed = { DATABASE_URL, ...SECRETS, ...weak, WEAK_SECRETS: 'allow' }
    expect(readServerConfig(allowed).databaseUrl).toBe(DATABASE_URL)
    // The embedded database is for development.
    expect(readServerConfig(weak).databaseUrl).toBeUndefined()
  })

  test('settings of the LMS lack what they need', () => {
    expect(problemsOf(() => readConfig({ LMS_FOLLOW: 'on' }))).toEqual([
      'LMS_DATABASE_URL is required with LMS_FOLLOW=on',
    ])
    expect(problemsOf(() => readConfig({ LMS_MIRROR: 'on', LMS_URL: 'https://lms.example.org' }))).toEqual([
      'LMS_API_KEY is required with LMS_MIRROR=on',
    ])
    expect(problemsOf(() => readConfig({ LMS_WORKER_JWT: 'x' }))).toEqual([
      'LMS_WORKER_USERNAME goes with LMS_WORKER_TOKEN_URL or LMS_WORKER_JWT',
    ])
  })

  test('the command line can do without', () => {
    expect(readConfig({ DATABASE_URL }).databaseUrl).toBe(DATABASE_URL)
  })
})

describe('.env.example', async () => {
  const file = await readFile(new URL('../../.env.example', import.meta.url), 'utf8')
  const lines = [...file.matchAll(/^#([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value] as const)

  test('lists every setting once, and nothing else', () => {
    expect(lines.map(([name]) => name).toSorted()).toEqual([...settingNames].toSorted())
  })

  test('shows the defaults', () => {
    expect(readServerConfig(Object.fromEntries(lines))).toEqual(readServerConfig({}))
    expect(lines.flatMap(([name, value]) => (value === '' ? [name] : []))).toEqual(WITHOUT_DEFAULT)
  })
})

function problemsOf(read: () => unknown): readonly string[] {
  return thrownBy(read).problems
}

function thrownBy(read: () => unknown): ConfigError {
  try {
    read()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('Nothing was refused')
}
