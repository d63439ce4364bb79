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

function logger(level: 'info', isTTY = false): { log: FastifyBaseLogger; text: () => string } {
  const written: string[] = []
  const output = { isTTY, write: (text: string) => written.push(text) }
  const { log } = fastify({ logger: loggerOptions(level, output) ?? false })
  return { log, text: () => written.join('') }
}
