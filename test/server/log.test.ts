import { fastify, type FastifyBaseLogger } from 'fastify'
import { expect, test } from 'vitest'
import { loggerOptions } from '../../server/log.ts'

const SECRET_HEADERS = { authorization: 'Bearer hush', cookie: 'session=hush', 'X-Edx-Api-Key': 'hush' }
const headers = Object.fromEntries(Object.entries(SECRET_HEADERS).map(([name, value]) => [name.toLowerCase(), value]))

test('records are JSON lines, from the level on', () => {
  const { log, text } = logger('info')
  log.info({ username: 'alice' }, 'enrolled')
  log.debug('not shown')
  const lines = text().trim().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ level: 30, msg: 'enrolled', username: 'alice', time: expect.any(Number) }),
  ])
})

test.for(['terminal', 'pipe'])('values of secrets do not show on a %s', (where) => {
  const { log, text } = logger('info', where === 'terminal')
  log.info(headers, 'bare')
  log.info({ headers, req: { headers }, err: Object.assign(new Error('x'), { headers }) }, 'nested')
  expect(text()).toContain('[redacted]')
  expect(text()).not.toContain('hush')
})

test('an error tells its type, code, text, stack and cause, and nothing that hangs on it', () => {
  const { log, text } = logger('info')
  const cause = new RangeError('inner')
  log.error(
    { err: Object.assign(new Error('outer', { cause }), { code: '57P01', client: { password: 'hush' } }) },
    'lost',
  )
  expect(JSON.parse(text()).err).toEqual({
    type: 'Error',
    message: 'outer',
    code: '57P01',
    stack: expect.stringMatching(/^Error: outer\n/),
    cause: { type: 'RangeError', message: 'inner', stack: expect.stringMatching(/^RangeError: inner\n/) },
  })
})

test('a person reads one line a record, and the stack of an error', () => {
  const { log, text } = logger('info', true)
  log.warn({ username: 'alice', seats: 3 }, 'course is full')
  log.error({ err: new RangeError('boom') }, 'failed')
  const [warning, failure, stack] = text().split('\n')
  expect(warning).toMatch(/^\d\d:\d\d:\d\d .*WARN.* course is full username="alice" seats=3$/)
  expect(failure).toMatch(/ERROR.* failed$/)
  expect(stack).toBe('RangeError: boom')
})

test.for(['terminal', 'pipe'])('nothing that somebody sent steers a %s', (where) => {
  const { log, text } = logger('info', where === 'terminal')
  const sent = 'a\u001B[2J\u009B31m\u007F\u202Eb\nlevel=60 forged'
  log.info({ username: sent, [sent]: 1 }, `asked for ${sent}`)
  log.error({ err: new Error(sent) }, 'failed')
  // oxlint-disable-next-line no-control-regex -- to find them
  expect(text().replaceAll('\u001B[31mERROR\u001B[0m', '')).not.toMatch(
    // oxlint-disable-next-line no-control-regex -- that is what is looked for
    /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/,
  )
  expect(text().split('\n')[0]).toContain('forged')
  // Who reads the lines as JSON has what was sent.
  if (where === 'pipe') expect(JSON.parse(text().split('\n')[0] ?? '')).toMatchObject({ username: sent })
})

function logger(level: 'info', isTTY = false): { log: FastifyBaseLogger; text: () => string } {
  const written: string[] = []
  const output = { isTTY, write: (text: string) => written.push(text) }
  const { log } = fastify({ logger: loggerOptions(level, output) ?? false })
  return { log, text: () => written.join('') }
}
